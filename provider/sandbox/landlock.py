"""Landlock: from now on no file can be opened, no TCP port used, no other process signalled."""

import ctypes
import os
import struct

from provider.sandbox.linux import syscall

_CREATE, _RESTRICT = 444, 446  # the same numbers on all architectures
_ASK_VERSION = 1


def no_files() -> str:
    """Take every right from this thread, and from those that it starts later.

    Needs no_new_privs. Descriptors that are open stay usable.

    Returns:
        What this kernel's version of Landlock does not cover; empty where it covers all.

    Raises:
        OSError: This kernel has no Landlock, or it is switched off.
    """
    version = syscall(_CREATE, 0, 0, _ASK_VERSION)
    rights = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    attributes = struct.pack(
        "<QQQ",
        (1 << rights) - 1,
        0b11 if version >= 4 else 0,  # TCP: bind, connect
        0b11 if version >= 6 else 0,  # abstract sockets, signals
    )
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = syscall(_CREATE, ctypes.create_string_buffer(attributes, 24), size, 0)
    try:
        syscall(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    if version < 4:
        return "files only: this kernel's Landlock knows no network rules"
    return "" if version >= 6 else "files and TCP only: this kernel's Landlock knows no scopes"
