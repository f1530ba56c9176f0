import os
import random

import pytest

from protocols.errors import Code, Refused
from protocols.frames import BlobChunk, BlobError, BlobRequest
from protocols.ids import Digest, digest_of
from provider.blobs import Arriving
from provider.pulls import Pull, Pulls

PLENTY = 10**9


class Wanted:
    """A pull, and how it ended."""

    def __init__(self, digest: Digest, max_bytes: int = PLENTY) -> None:
        self.file = Arriving(digest)
        self.ends: list[Exception | None] = []
        self.pull = Pull(self.file, max_bytes, self.ends.append)


def reply(request: BlobRequest, files: dict[Digest, bytes]) -> BlobChunk | BlobError:
    data = files.get(request.digest)
    if data is None:
        return BlobError(request.digest, request.offset, Code.BLOB_NOT_PUBLISHED)
    piece = data[request.offset : request.offset + request.length]
    return BlobChunk(request.digest, request.offset, len(data), piece)


@pytest.mark.parametrize("seed", range(10))
def test_many_files_arrive_over_one_window(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - for a test
    files = {digest_of(data): data for data in (os.urandom(draw.randrange(200)) for _ in range(9))}
    wanted = [Wanted(name) for name in files]
    pulls = Pulls(window=4, chunk=16)
    waiting, open_requests = list(wanted), list[BlobRequest]()
    while waiting or open_requests:
        if waiting and draw.random() < 0.3:
            pulls.start(waiting.pop().pull)
        open_requests += pulls.due()
        assert len(open_requests) <= 4
        if open_requests:
            pulls.arrived(reply(open_requests.pop(0), files))
    assert [each.file.verified() for each in wanted] == list(files.values())
    assert all(each.ends == [None] for each in wanted)


def test_the_size_is_learned_first_and_then_the_window_is_full() -> None:
    data = bytes(100)
    pulls, wanted = Pulls(window=4, chunk=16), Wanted(digest_of(data))
    pulls.start(wanted.pull)
    (first,) = pulls.due()
    assert pulls.due() == []
    pulls.arrived(reply(first, {first.digest: data}))
    assert [request.offset for request in pulls.due()] == [16, 32, 48, 64]


def test_files_take_turns() -> None:
    files = {digest_of(bytes([n]) * 100): bytes([n]) * 100 for n in range(2)}
    one, two = (Wanted(name) for name in files)
    pulls = Pulls(window=2, chunk=10)
    pulls.start(one.pull)
    pulls.start(two.pull)
    requests = pulls.due()
    for _ in range(6):
        pulls.arrived(reply(requests.pop(0), files))
        requests += pulls.due()
    assert abs(len(one.file) - len(two.file)) <= 10


def test_a_file_goes_on_where_it_had_come_to() -> None:
    data = os.urandom(50)
    wanted = Wanted(digest_of(data))
    wanted.file.total = 50
    wanted.file.add(data[:30])
    resumed = Pull(wanted.file, PLENTY, wanted.ends.append)
    pulls = Pulls(window=4, chunk=16)
    pulls.start(resumed)
    requests = pulls.due()
    assert [request.offset for request in requests] == [30, 46]
    for request in requests:
        pulls.arrived(reply(request, {request.digest: data}))
    assert wanted.file.verified() == data


@pytest.mark.parametrize(
    ("total", "max_bytes", "code"),
    [(1001, 1000, Code.FILE_TOO_LARGE), (2**60, 1000, Code.FILE_TOO_LARGE)],
)
def test_a_file_too_large_is_given_up_at_its_first_piece(
    total: int, max_bytes: int, code: Code
) -> None:
    pulls, wanted = Pulls(window=4, chunk=16), Wanted(digest_of(b""), max_bytes)
    pulls.start(wanted.pull)
    (request,) = pulls.due()
    pulls.arrived(BlobChunk(request.digest, 0, total, bytes(16)))
    (end,) = wanted.ends
    assert isinstance(end, Refused)
    assert end.code is code
    assert len(wanted.file) == 0
    assert pulls.due() == []


def test_a_file_whose_size_changes_on_the_way_is_given_up() -> None:
    pulls, wanted = Pulls(window=4, chunk=16), Wanted(digest_of(b""))
    pulls.start(wanted.pull)
    pulls.due()
    pulls.arrived(BlobChunk(wanted.file.digest, 0, 100, bytes(16)))
    pulls.due()
    pulls.arrived(BlobChunk(wanted.file.digest, 16, 101, bytes(16)))
    (end,) = wanted.ends
    assert isinstance(end, Refused)
    assert end.code is Code.FILE_WRONG_DIGEST


def test_a_file_that_is_not_there() -> None:
    pulls, wanted = Pulls(window=4, chunk=16), Wanted(digest_of(b""))
    pulls.start(wanted.pull)
    (request,) = pulls.due()
    pulls.arrived(reply(request, {}))
    (end,) = wanted.ends
    assert isinstance(end, Refused)
    assert end.code is Code.FILE_UNAVAILABLE


def test_pieces_for_a_pull_that_was_given_up_are_dropped() -> None:
    data = bytes(100)
    pulls, wanted = Pulls(window=4, chunk=16), Wanted(digest_of(data))
    pulls.start(wanted.pull)
    (request,) = pulls.due()
    wanted.pull.finish(None)
    pulls.arrived(reply(request, {request.digest: data}))
    assert len(wanted.file) == 0
    assert pulls.due() == []


def test_a_lost_stream_ends_all_pulls_once() -> None:
    pulls, wanted = Pulls(window=4, chunk=16), [Wanted(digest_of(b"")) for _ in range(3)]
    for each in wanted:
        pulls.start(each.pull)
    pulls.due()
    lost = ConnectionError()
    pulls.stop(lost)
    pulls.stop(lost)
    assert all(each.ends == [lost] for each in wanted)
