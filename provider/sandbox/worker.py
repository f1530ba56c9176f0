"""A process that parses and runs model files for a node, and can do nothing else.

`python -m provider.sandbox.worker`: requests on standard input, replies on standard output (see
`wire`). The first request says how much it may use; the first reply, which layers of isolation
hold. Once that is said, no file can be opened: model files come through the pipe.
"""

import mmap
import os
import select
import sys
import threading
from collections.abc import Iterator

import torch

from provider.sandbox.isolation import Layer, enter
from provider.sandbox.operations import Operations, Reply
from provider.sandbox.warm_up import warm_up
from provider.sandbox.wire import Array, Fill, Message, Send, read_message, send_message
from synlearn.errors import InputError

_SENTENCE = 500
"""Characters of a reason; it may quote a file."""


_BEFORE_THREADS = [layer for layer in Layer if layer is not Layer.SECCOMP]
_STACK = 16 * 2**20
"""Bytes of address space for each thread."""


def main() -> None:
    """Serve until the node closes the pipe."""
    requests, replies = _own_pipes()
    fill, send = _filler(requests), _sender(replies)
    wanted = read_message(fill).header
    memory = wanted["memory"] + wanted["threads"] * _STACK
    layers = {Layer(name) for name in wanted["layers"]}
    torch.set_num_threads(1)
    warm_up()
    shared = _shared_memory(*wanted["shared"])
    states = enter([layer for layer in _BEFORE_THREADS if layer in layers], memory)
    threading.Thread(target=_leave_with_node, args=(requests,), daemon=True).start()
    if wanted["threads"] > 1:
        torch.set_num_threads(wanted["threads"])
        warm_up()
    states += enter(layers & {Layer.SECCOMP}, memory)
    said = [[state.layer.value, state.active, state.why_not] for state in states]
    send_message(send, {"layers": said})
    serve(fill, send, shared)


def serve(fill: Fill, send: Send, shared: mmap.mmap) -> None:
    """Answer requests, one after the other, for ever.

    Raises:
        EOFError: The node closed the pipe.
    """
    operations = Operations()
    while True:
        header, arrays = _answer(operations, read_message(fill, shared=shared), fill)
        send_message(send, header, arrays)


def _answer(operations: Operations, message: Message, fill: Fill) -> Reply:
    batches = _batches(message, fill)
    try:
        return operations.run(message, batches)
    except InputError as error:
        reason = str(error)
    except Exception as error:
        reason = f"the worker failed at it with {type(error).__name__}: {error}"
    for _ in batches:  # what was sent for this question is not to be taken for the next one
        pass
    return {"unusable": reason.splitlines()[0][:_SENTENCE] if reason else ""}, ()


def _batches(message: Message, fill: Fill) -> Iterator[Array]:
    """The arrays of the messages that belong to this one; one without an array is the last."""
    more = bool(message.header.get("batches"))
    while more and (arrays := read_message(fill).arrays):
        yield arrays[0]


def _shared_memory(descriptor: int, size: int) -> mmap.mmap:
    """Map the memory in which the node leaves images."""
    try:
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)


def _own_pipes() -> tuple[int, int]:
    """Move the pipes away from the standard streams, so that no stray output gets into them."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)
    return requests, replies


def _filler(descriptor: int) -> Fill:
    def fill(buffer: memoryview) -> None:
        while buffer:
            count = os.readv(descriptor, [buffer])
            if not count:
                raise EOFError
            buffer = buffer[count:]

    return fill


def _sender(descriptor: int) -> Send:
    def send(data: memoryview) -> None:
        while data:
            data = data[os.write(descriptor, data) :]

    return send


def _leave_with_node(requests: int) -> None:
    """End in the middle of a computation too, once nobody can want its result."""
    watched = select.poll()
    watched.register(requests, 0)  # hang-ups only
    watched.poll()
    os._exit(0)


if __name__ == "__main__":
    try:
        main()
    except (EOFError, BrokenPipeError):
        sys.exit(0)
