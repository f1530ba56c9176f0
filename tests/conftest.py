"""One computing thread: the arrays of tests are small, and threads that wait for work are in the
way of the processes that tests start. Set before anything imports PyTorch."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
