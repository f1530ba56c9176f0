from functools import partial

from protocols import frames as f
from protocols.framing import decode, encode
from protocols.ids import QueryId, digest_of
from protocols.limits import BATCH, MAX_FRAMES, Limits
from protocols.outbox import Outbox

LIMITS = Limits(max_body=1_000_000)
DIGEST = digest_of(b"")


def answer(part: int, size: int = 10) -> f.Answer:
    return f.Answer(QueryId(0, 0, part), bytes(size))


def piece(offset: int, size: int = 1000) -> f.BlobChunk:
    return f.BlobChunk(DIGEST, offset, 10**9, bytes(size))


def outbox() -> Outbox:
    return Outbox(lambda: None)


def take_all(box: Outbox) -> list[list[f.Frame]]:
    messages = []
    while message := box.take():
        assert len(message) <= LIMITS.max_message
        messages.append(decode(message, LIMITS))
    return messages


def test_frames_that_wait_together_travel_together() -> None:
    box = outbox()
    for part in range(5):
        box.put(answer(part))
    assert take_all(box) == [[answer(part) for part in range(5)]]
    assert box.take() == b""


def test_a_message_is_bounded_in_bytes_and_in_frames() -> None:
    box = outbox()
    box.put(answer(0, LIMITS.max_body))
    box.put(answer(1, BATCH))
    for part in range(3):
        box.put(answer(part, BATCH - 100))
    sizes = [len(message) for message in take_all(box)]
    assert sizes == [1, 1, 2, 1]
    for _ in range(MAX_FRAMES * 2):
        box.put(f.Heartbeat())
    assert all(len(message) <= MAX_FRAMES for message in take_all(box))


def test_pieces_of_files_neither_hold_up_others_nor_starve() -> None:
    box = outbox()
    for offset in range(3):
        box.put_bulk(partial(piece, offset))
    box.put(f.Heartbeat())
    assert decode(box.take(), LIMITS) == [f.Heartbeat(), piece(0)]
    box.put(answer(7))
    assert decode(box.take(), LIMITS) == [answer(7), piece(1)]
    assert decode(box.take(), LIMITS) == [piece(2)]


def test_a_piece_is_read_when_its_turn_comes() -> None:
    box, offsets = outbox(), iter([17])
    box.put_bulk(lambda: piece(next(offsets)))
    box.put(answer(0, BATCH))
    box.take()
    offsets = iter([42])
    assert decode(box.take(), LIMITS) == [piece(42)]


def test_what_waits_is_counted() -> None:
    box = outbox()
    box.put(answer(0, 100))
    box.put(f.Heartbeat())
    box.put(f.Question(QueryId(0, 0, 1), 1, bytes(50)))
    assert box.waiting == 150
    box.take()
    assert box.waiting == 0


def test_the_last_frame_does_not_wait_for_files() -> None:
    box = outbox()
    box.put_bulk(lambda: piece(0))
    box.drop_bulk()
    box.put(f.Goodbye("done"))
    assert take_all(box) == [[f.Goodbye("done")]]


def test_it_wakes_the_writer() -> None:
    woken: list[int] = []
    box = Outbox(lambda: woken.append(1))
    box.put(f.Heartbeat())
    box.put_bulk(lambda: piece(0))
    assert len(woken) == 2


def test_one_frame_is_encoded_as_it_is() -> None:
    box = outbox()
    box.put(f.Heartbeat())
    assert box.take() == encode(f.Heartbeat())
