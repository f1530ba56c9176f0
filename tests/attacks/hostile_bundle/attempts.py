"""What a hostile bundle tries, wherever it runs; this file travels in the bundle and stands alone.

Each attempt is a name and what came of it: "refused: ...", or "GOT ..." where something was had.
"""

import ctypes
import json
import os
import signal
import socket
import struct
from pathlib import Path

_PTRACE_ATTACH = 16
_PATIENCE = 10.0


def try_all(targets):
    """Try everything on files, processes and sockets; returns what came of it, by name."""
    found = {"who": f"{os.getuid()}:{os.getgid()} {sorted(os.getgroups())}"}
    for path in targets["files"]:
        found[f"read {path}"] = _tried(lambda p=path: _read(Path(p)))
        found[f"write {path}"] = _tried(lambda p=path: _write(Path(p)))
    for pid in targets["processes"]:
        for name in ("mem", "environ", "maps", "cwd", "fd", "root"):
            found[f"/proc {pid} {name}"] = _tried(lambda p=pid, n=name: _look(p, n))
        found[f"ptrace {pid}"] = _tried(lambda p=pid: _ptrace(p))
        found[f"kill {pid}"] = _tried(lambda p=pid: os.kill(p, signal.SIGKILL))
    for path in targets["closed_sockets"]:
        found[f"connect {path}"] = _tried(lambda p=path: _call(p, b"{}"))
    for path in targets["open_sockets"]:
        for name, data in _garbage().items():
            found[f"send {name} to {path}"] = "said: " + str(_sent(path, data))
    return found


def _tried(attempt):
    try:
        return f"GOT {str(attempt())[:200]}"
    except OSError as error:
        return f"refused: {type(error).__name__}"


def _read(path):
    return list(path.iterdir()) if path.is_dir() else path.read_bytes()[:20]


def _write(path):
    if path.is_dir():
        return (path / "planted").write_text("x")
    with path.open("r+b") as file:
        return file.write(b"x")


def _look(pid, name):
    path = f"/proc/{pid}/{name}"
    if name == "fd":
        return [os.readlink(f"{path}/{fd}") for fd in os.listdir(path)]
    if name in {"cwd", "root"}:
        return os.readlink(path)
    with open(path, "rb") as file:
        return file.read(10)


def _ptrace(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(_PTRACE_ATTACH, pid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    return "attached"


def _garbage():
    whole = struct.pack(">I", 2)
    return {
        "nothing": b"",
        "half a length": b"\0\0",
        "a huge length": struct.pack(">I", 2**32 - 1),
        "zeros": struct.pack(">I", 1000) + b"\0" * 1000,
        "a pickle": struct.pack(">I", 20) + b"\x80\x04cos\nsystem\n(S'id'\ntR.",
        "a JSON bomb": struct.pack(">I", 100_000) + b"[" * 100_000,
        "an empty object": whole + b"{}",
        "huge numbers": struct.pack(">I", 60_012) + b'{"job": 1' + b"0" * 60_000 + b"}  ",
    }


def _sent(path, data):
    try:
        return _call(path, data)
    except OSError as error:
        return type(error).__name__


def _call(path, data):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE)
        connection.connect(path)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        said = b""
        while piece := connection.recv(65536):
            said += piece
        return said[:300]


def ask_bridge(path, asked):
    """One well-formed call; returns the answer."""
    data = json.dumps(asked).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE)
        connection.connect(path)
        connection.sendall(struct.pack(">I", len(data)) + data)
        said = b""
        while piece := connection.recv(2**20):
            said += piece
        return json.loads(said[4:])


if __name__ == "__main__":
    import sys

    print(json.dumps(try_all(json.loads(sys.argv[1]))))
