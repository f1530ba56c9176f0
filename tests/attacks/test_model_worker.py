"""What code that got hold of the model worker can try, and what a worker can tell its node.

No model file can run code, as far as we know; these tests suppose that one did. Each layer of
isolation is tried alone in a process of the test's own, so that no other hides that it is gone.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from protocols.errors import Code, Refused
from provider.events import NodeEvent, WorkerEnd, WorkerEnded
from provider.sandbox import process
from provider.sandbox.isolation import Layer, LayerState
from provider.sandbox.process import Expected, ModelWorker, WorkerLimits, isolation_report

ROOT = Path(__file__).resolve().parents[2]
ALONE = {
    "limits": [Layer.LIMITS],
    "namespaces": [Layer.NAMESPACES],
    "landlock": [Layer.NO_NEW_PRIVS, Layer.LANDLOCK],
    "capabilities": [Layer.CAPABILITIES],
    "seccomp": [Layer.NO_NEW_PRIVS, Layer.SECCOMP],
}
CHILD = """
import ctypes, os, resource, signal, socket, sys, threading
from provider.sandbox.isolation import Layer, enter
from provider.sandbox.linux import prctl, syscall, unshare
{before}
states = enter(map(Layer, {layers!r}), 64 * 2**20)
missing = [state.why_not for state in states if not state.active]
if missing:
    print("missing", *missing)
    os._exit(0)
try:
    {attempt}
except (OSError, MemoryError, ValueError) as error:
    print("refused", type(error).__name__)
else:
    print("done")
sys.stdout.flush()
os._exit(0)
"""


def attempt(code: str, alone: str, before: str = "") -> str:
    """What became of an attempt: done, refused, missing (the layer), or how the child ended."""
    layers = [layer.value for layer in ALONE.get(alone, [])]
    child = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", CHILD.format(before=before, layers=layers, attempt=code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    words = child.stdout.split()
    if words and words[0] == "missing":
        pytest.skip(f"this machine lacks a layer: {child.stdout}")
    return words[0] if words else f"ended with {child.returncode}"


def stopped(code: str, alone: str, before: str = "", as_: str = "refused") -> None:
    """The layer stops what otherwise works."""
    assert attempt(code, "none", before) == "done"
    assert attempt(code, alone, before) == as_


@pytest.mark.parametrize("alone", ["seccomp", "landlock"])
def test_opening_a_file(alone: str) -> None:
    stopped('open("/etc/passwd")', alone)


@pytest.mark.parametrize("alone", ["seccomp", "landlock", "limits"])
def test_writing_a_file(alone: str, tmp_path: Path) -> None:
    # A limit on file sizes ends the process by a signal, which Python takes for an error.
    stopped(f'open({str(tmp_path / "loot")!r}, "w", 1).write("a line\\n")', alone)


def test_writing_to_a_file_that_was_open(tmp_path: Path) -> None:
    before = f"file = os.open({str(tmp_path / 'log')!r}, os.O_CREAT | os.O_WRONLY)"
    stopped('os.write(file, b"loot")', "limits", before)


@pytest.mark.parametrize("alone", ["seccomp", "landlock"])
def test_listing_a_folder(alone: str) -> None:
    stopped('os.listdir("/")', alone)


def test_making_a_socket() -> None:
    stopped("socket.socket()", "seccomp")


@pytest.mark.parametrize("alone", ["namespaces", "landlock"])
def test_connecting_to_a_server(alone: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stopped(f"socket.socket().connect({server.getsockname()!r})", alone)


def test_forking() -> None:
    stopped("os.fork() or os._exit(0)", "seccomp")


@pytest.mark.parametrize("alone", ["seccomp", "landlock"])
def test_starting_a_program(alone: str) -> None:
    stopped(f'os.posix_spawn({sys.executable!r}, ["python", "-c", ""], {{}})', alone)


def test_becoming_another_program() -> None:
    code = 'os.execve("/bin/echo", ["echo", "done"], {})'
    assert attempt(code, "none") == "done"
    for alone in ("seccomp", "landlock"):
        assert attempt(code, alone) == "refused"


@pytest.mark.parametrize("alone", ["seccomp", "landlock"])
def test_signalling_the_node(alone: str) -> None:
    stopped(f"os.kill({os.getpid()}, 0)", alone)


NUMBERS = {
    "ptrace": "101, 0x4206, {parent}, 0, 0",  # seizing does not stop it
    "process_vm_readv": "310, {parent}, 0, 0, 0, 0",
    "mount": "165, 0, 0, 0, 0, 0",
    "keyctl": "250, 0, -3, 0",
    "bpf": "321, 0, 0, 0",
    "io_uring_setup": "425, 1, 0",
    "userfaultfd": "323, 0",
    "perf_event_open": "298, 0, 0, -1, -1, 0",
    "memfd_create": "319, 0, 0",
    "openat2": "437, -100, 0, 0, 0",
    "clone3": "435, 0, 0",
    "pidfd_open": "434, 1, 0",
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")
@pytest.mark.parametrize("name", NUMBERS)
def test_a_system_call_that_no_model_needs(name: str) -> None:
    """The kernel itself does not even look at its arguments."""
    numbers = NUMBERS[name].format(parent=os.getpid())
    code = f"""
    try:
        syscall({numbers})
    except OSError as error:
        if error.errno not in (1, 38):
            raise
        os._exit(print("filtered", flush=True) or 0)"""
    assert attempt(code, "seccomp") == "filtered"


def test_a_thread_that_was_there_before_is_filtered_too() -> None:
    before = """
import queue
asked, said = queue.Queue(), queue.Queue()
def other():
    asked.get()
    try:
        said.put(open("/etc/passwd"))
    except OSError as error:
        said.put(error)
threading.Thread(target=other, daemon=True).start()
def through():
    asked.put(1)
    found = said.get()
    if isinstance(found, OSError):
        raise found
"""
    stopped("through()", "seccomp", before)


def test_threads_can_still_be_started() -> None:
    """Computing needs them; they are in the same cage."""
    assert attempt("threading.Thread(target=int).start()", "seccomp") == "done"


def test_taking_more_memory() -> None:
    stopped("bytearray(128 * 2**20)", "limits")
    stopped("__import__('mmap').mmap(-1, 128 * 2**20)", "limits", "import mmap")


def test_opening_ever_more_descriptors() -> None:
    stopped("[os.dup(0) for _ in range(20)]", "limits")


@pytest.mark.parametrize("alone", ["capabilities", "seccomp"])
def test_raising_the_limits_again(alone: str) -> None:
    before = "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"
    code = "resource.setrlimit(resource.RLIMIT_CORE, (1, 1))"
    if attempt(code, "none", before) != "done":
        pytest.skip("without capabilities nobody can raise a hard limit")
    stopped(code, alone, before)


def test_looking_into_the_worker_from_another_process() -> None:
    code = "prctl(4, 0) if ctypes.CDLL(None).prctl(3) else None"
    assert attempt(code, "none") == "done"
    check = "assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0"
    assert attempt(check, "landlock") == "done"


# What the worker has when it starts.


@contextmanager
def running(worker: ModelWorker) -> Iterator[int]:
    try:
        worker.isolation()
        assert worker.pid is not None
        yield worker.pid
    finally:
        worker.close()


def test_the_nodes_own_descriptors_and_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNLEARN_TEST_SECRET", "tell nobody")
    with (tmp_path / "ledger").open("w") as ledger:
        os.set_inheritable(ledger.fileno(), True)
        with running(ModelWorker()) as pid:
            if not os.access(f"/proc/{pid}/fd", os.X_OK):
                pytest.skip("nobody but root looks into a worker")
            opened = {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}
            own = {"/dev/null", "pipe", "/memfd"}  # of the last, see the next test
            assert {name.split(":")[0] for name in opened} <= own
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"tell nobody" not in environment
            assert os.getsid(pid) != os.getsid(0)


def test_cutting_the_shared_memory_short_under_the_nodes_feet() -> None:
    """The node would be killed by SIGBUS at the next image that it writes."""
    descriptor = process._shared_memory()
    try:
        for size in (0, 2**30):
            with pytest.raises(PermissionError):
                os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)


@pytest.mark.skipif(sys.platform != "linux", reason="layers are those of Linux")
def test_a_worker_without_a_layer_that_the_policy_requires() -> None:
    without = frozenset(Layer) - {Layer.SECCOMP, Layer.LANDLOCK}
    worker = ModelWorker(required=frozenset({Layer.SECCOMP}), layers=without)
    try:
        with pytest.raises(Refused, match="runs models only with seccomp") as caught:
            worker.call({"op": "forget", "handle": 0})
        assert caught.value.code is Code.NOT_ALLOWED
    finally:
        worker.close()


PARENT = """
import threading, time, numpy as np
from provider.sandbox.models import SandboxedModels
from provider.sandbox.process import ModelWorker, WorkerLimits, processor_seconds
from tests.attacks.test_model_files import IMAGES, classifier
worker = ModelWorker(WorkerLimits(seconds=600))
stack = SandboxedModels(worker).stack(("x",), {"x": classifier(kernel=1023, widths=(1, 1, 1))})
used = processor_seconds(worker.pid)
images = np.repeat(IMAGES, 100, axis=0)
threading.Thread(target=stack.predict, args=(images,), daemon=True).start()
while processor_seconds(worker.pid) < used + 0.3:
    time.sleep(0.01)
print(worker.pid, flush=True)
time.sleep(600)
"""


def test_a_worker_that_outlives_its_node() -> None:
    """It ends in the middle of a computation that would take minutes."""
    node = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert node.stdout is not None
    pid = int(node.stdout.readline())
    node.send_signal(signal.SIGKILL)
    node.wait()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text(encoding="ascii"):
            break  # it ended; nobody here collects it
        time.sleep(0.05)
    else:
        assert not Path(f"/proc/{pid}").exists()


# What a worker says. It stands for one that a model took over.

LIAR = """
import os, sys
import numpy as np
from provider.sandbox.wire import read_message, send_message
def fill(buffer):
    while buffer:
        count = os.readv(0, [buffer])
        if not count:
            os._exit(0)
        buffer = buffer[count:]
def send(data):
    while data:
        data = data[os.write(1, data):]
read_message(fill)
send_message(send, {{"layers": []}})
read_message(fill)
{lie}
"""
LIES = {
    "another_shape": "send_message(send, {}, [np.zeros((3, 2), np.float32)])",
    "another_dtype": "send_message(send, {}, [np.zeros((2, 3), np.int64)])",
    "too_many_arrays": "send_message(send, {}, [np.zeros((2, 3), np.float32)] * 2)",
    "no_array": "send_message(send, {})",
    "a_pickle": "os.write(1, b'\\x80\\x04cos\\nsystem\\n(X\\x04\\x00\\x00\\x00exitR.' * 9)",
    "a_terabyte": (
        "t = b'[{},[[\"f4\",[274877906944],[0],null]]]';"
        "os.write(1, len(t).to_bytes(4, 'little') + (2**40).to_bytes(8, 'little') + t);"
        "read_message(fill)"
    ),
    "an_endless_header": "os.write(1, b'\\xff' * 12)",
    "a_negative_shape": (
        "t = b'[{},[[\"f4\",[-1,-6],[0,1],null]]]';"
        "os.write(1, len(t).to_bytes(4, 'little') + (24).to_bytes(8, 'little') + t + bytes(24))"
    ),
    "nothing": "os._exit(0)",
    "a_closed_pipe": "os.close(1); read_message(fill)",
    "half_an_array": (
        "send_message(lambda data: send(data[:20]), {}, [np.zeros((2, 3), np.float32)])"
    ),
    "silence": "read_message(fill)",
}
ENDS = {  # after any other, the worker may go on
    "another_dtype": WorkerEnd.LIED,
    "too_many_arrays": WorkerEnd.LIED,
    "a_pickle": WorkerEnd.LIED,
    "a_terabyte": WorkerEnd.LIED,
    "an_endless_header": WorkerEnd.LIED,
    "a_negative_shape": WorkerEnd.LIED,
    "nothing": WorkerEnd.EXIT,
    "a_closed_pipe": WorkerEnd.EXIT,
    "half_an_array": WorkerEnd.EXIT,
    "silence": WorkerEnd.TIMEOUT,
}
REASONS = {"a_terabyte": "arrays of 1099511627776", "silence": "took longer than 1.5 s"}


@pytest.mark.parametrize("lie", LIES)
def test_a_worker_that_lies(lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = LIAR.format(lie=LIES[lie])
    monkeypatch.setattr(process, "_COMMAND", (sys.executable, "-c", script))
    told: list[NodeEvent] = []
    worker = ModelWorker(WorkerLimits(seconds=1.5), watcher=told.append)
    try:
        with pytest.raises(Refused) as caught:
            worker.call({"op": "predict"}, expected=[Expected(np.float32, (2, 3))])
        assert caught.value.code is Code.MODEL_UNUSABLE
        assert REASONS.get(lie, "") in caught.value.local
        assert told == ([WorkerEnded(ENDS[lie])] if lie in ENDS else [])
    finally:
        worker.close()


def test_a_worker_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(Refused, match="ended with code 3, before it had a model") as caught:
        isolation_report()
    assert caught.value.code is Code.NODE_FAULT


def test_a_worker_that_is_killed_between_two_questions(worker_of_tests: ModelWorker) -> None:
    worker = worker_of_tests
    assert all(isinstance(state, LayerState) for state in worker.isolation())
    starts = worker.starts
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    worker.call({"op": "forget", "handle": 0})
    assert worker.starts == starts + 1


@pytest.fixture
def worker_of_tests() -> Iterator[ModelWorker]:
    worker = ModelWorker()
    yield worker
    worker.close()
