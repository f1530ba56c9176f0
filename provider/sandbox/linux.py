"""The few system calls that Python has no name for."""

import ctypes
import os

NO_NEW_PRIVS = 38
DUMPABLE = 4
NEW_USER, NEW_NET, NEW_IPC, NEW_UTS = 0x10000000, 0x40000000, 0x08000000, 0x04000000
_CAPABILITIES_V3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def syscall(number: int, *arguments: "int | ctypes.Array[ctypes.c_char] | ctypes.Structure") -> int:
    """Make a system call.

    Args:
        number: On this machine's architecture.
        *arguments: Whole numbers, or buffers whose addresses are passed.

    Raises:
        OSError: The kernel refused.
    """
    passed = [
        ctypes.c_long(each) if isinstance(each, int) else ctypes.byref(each) for each in arguments
    ]
    result: int = _libc.syscall(ctypes.c_long(number), *passed)
    return _checked(result)


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process; raises OSError where the kernel refuses."""
    zero = ctypes.c_ulong(0)
    _checked(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), zero, zero, zero))


def unshare(flags: int) -> None:
    """Leave namespaces for new, empty ones; raises OSError where the kernel refuses."""
    _checked(_libc.unshare(ctypes.c_int(flags)))


def drop_capabilities() -> None:
    """Give up every capability for good; raises OSError where the kernel refuses."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)
    none = (ctypes.c_uint32 * 6)()
    _checked(_libc.capset(ctypes.byref(header), ctypes.byref(none)))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
