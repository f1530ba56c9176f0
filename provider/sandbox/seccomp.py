"""A filter of system calls: what numerical code needs is allowed, all else fails with EPERM.

The program is classic BPF, built here and checked by the kernel. A list of what is allowed, since
a kernel of next year has calls that no list of forbidden ones knows.
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from provider.sandbox.linux import syscall

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENT = 0, 4, 16
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_FILTER, _ALL_THREADS = 1, 1
_THREAD = 0x00010000  # CLONE_THREAD


@dataclass(frozen=True, slots=True)
class _Machine:
    """Numbers of one architecture.

    Attributes:
        audit: By which a filter recognises it.
        seccomp: The call that installs a filter.
        clone: Allowed for threads of this process only.
        limits: prlimit64, allowed where it only asks.
        allowed: Without conditions.
    """

    audit: int
    seccomp: int
    clone: int
    limits: int
    allowed: Mapping[str, int]


_CLONE3: Final = 435  # everywhere; its flags lie in memory, where a filter cannot look
_MACHINES: Final[Mapping[str, _Machine]] = MappingProxyType(
    {
        "x86_64": _Machine(
            audit=0xC000003E,
            seccomp=317,
            clone=56,
            limits=302,
            allowed=MappingProxyType(
                {
                    "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8,
                    "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13,
                    "rt_sigprocmask": 14, "rt_sigreturn": 15, "readv": 19, "writev": 20,
                    "sched_yield": 24, "mremap": 25, "madvise": 28, "nanosleep": 35,
                    "getpid": 39, "exit": 60, "uname": 63, "gettimeofday": 96,
                    "getrusage": 98, "sysinfo": 99, "sigaltstack": 131, "gettid": 186,
                    "futex": 202, "sched_getaffinity": 204, "restart_syscall": 219,
                    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230,
                    "exit_group": 231, "get_mempolicy": 239, "ppoll": 271,
                    "set_robust_list": 273, "getcpu": 309, "getrandom": 318,
                    "membarrier": 324, "rseq": 334,
                }
            ),
        ),
        "aarch64": _Machine(
            audit=0xC00000B7,
            seccomp=277,
            clone=220,
            limits=261,
            allowed=MappingProxyType(
                {
                    "close": 57, "lseek": 62, "read": 63, "write": 64, "readv": 65,
                    "writev": 66, "ppoll": 73, "fstat": 80, "exit": 93, "exit_group": 94,
                    "futex": 98, "set_robust_list": 99, "nanosleep": 101,
                    "clock_gettime": 113, "clock_getres": 114, "clock_nanosleep": 115,
                    "sched_getaffinity": 123, "sched_yield": 124, "restart_syscall": 128,
                    "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135,
                    "rt_sigreturn": 139, "uname": 160, "getrusage": 165, "getcpu": 168,
                    "gettimeofday": 169, "getpid": 172, "gettid": 178, "sysinfo": 179,
                    "brk": 214, "munmap": 215, "mremap": 216, "mmap": 222, "mprotect": 226,
                    "madvise": 233, "get_mempolicy": 236, "getrandom": 278,
                    "membarrier": 283, "rseq": 293,
                }
            ),
        ),
    }
)  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def filter_calls() -> None:
    """Filter the system calls of all threads of this process, from now on and for good.

    Needs no_new_privs.

    Raises:
        OSError: This kernel or architecture has no such filters.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(errno.ENOSYS, f"no list of system calls for {platform.machine()}")
    code = program(machine)
    stubborn = syscall(machine.seccomp, _FILTER, _ALL_THREADS, _Program(len(code) // 8, code))
    if stubborn:
        raise OSError(errno.EBUSY, f"thread {stubborn} cannot be filtered")


def program(machine: _Machine) -> bytes:
    """The filter as classic BPF, 8 bytes an instruction."""
    fail, allow = _step(_RETURN, _FAIL | errno.EPERM), _step(_RETURN, _ALLOW)
    code = [
        _step(_LOAD, _ARCH),
        _step(_EQUAL, machine.audit, then=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    for number in machine.allowed.values():
        code += [_step(_EQUAL, number, otherwise=1), allow]
    code += [
        # The C library then falls back to clone.
        _step(_EQUAL, _CLONE3, otherwise=1),
        _step(_RETURN, _FAIL | errno.ENOSYS),
        _step(_EQUAL, machine.clone, otherwise=4),
        _step(_LOAD, _ARGUMENT),
        _step(_ANY_BIT, _THREAD, otherwise=1),
        allow,
        fail,
        _step(_EQUAL, machine.limits, otherwise=5),
        _step(_LOAD, _ARGUMENT + 2 * 8),
        _step(_EQUAL, 0, otherwise=3),
        _step(_LOAD, _ARGUMENT + 2 * 8 + 4),
        _step(_EQUAL, 0, otherwise=1),
        allow,
        fail,
    ]
    return b"".join(code)


def _step(operation: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("<HBBI", operation, then, otherwise, value)
