"""How our worker processes behave: one thread of arithmetic, and an end with their parent."""

import multiprocessing
import os
import signal
import threading
from multiprocessing.process import BaseProcess

import torch


def start_worker() -> None:
    """Use one thread, and end when the parent does, even if that was killed."""
    torch.set_num_threads(1)
    # Ctrl-C reaches all processes of a terminal; the parent lets workers finish what they are at.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
