import asyncio

import pytest

from protocols.errors import Code, Refused
from protocols.ids import Digest, digest_of
from provider import question_files
from provider.question_files import fetch_all

A, B = digest_of(b"a"), digest_of(b"b")


class Blobs:
    """Files of ten bytes, and what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Digest, int]] = []

    async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
        self.asked.append((digest, max_bytes))
        if max_bytes < 10:
            raise Refused(Code.FILE_TOO_LARGE)
        return bytes(10)


def test_each_file_is_pulled_once() -> None:
    blobs = Blobs()
    assert set(asyncio.run(fetch_all((A, B, A), blobs, 64))) == {A, B}
    assert blobs.asked == [(A, 64), (B, 64)]


@pytest.mark.parametrize("most", [10, 15])
def test_all_files_together_have_their_limit(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question_files, "MOST_TOGETHER", most)
    with pytest.raises(Refused) as caught:
        asyncio.run(fetch_all((A, B), Blobs(), 64))
    assert caught.value.code is Code.FILE_TOO_LARGE


def test_no_file_is_no_question_to_anybody() -> None:
    blobs = Blobs()
    assert asyncio.run(fetch_all((), blobs, 64)) == {}
    assert blobs.asked == []
