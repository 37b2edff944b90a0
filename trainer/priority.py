"""A training thread that gives way, so that screens answer while it computes on every core."""

import os
import sys
import threading

STEP = 10
"""How much nicer than its process a training thread is; at 10 Linux gives it a tenth of the time
that another thread gets which wants the same core, and all of it where none does."""


def give_way() -> None:
    """Lower the priority of the calling thread, and of every thread that it starts.

    Torch's own workers are such. Only Linux knows priorities of threads; elsewhere nothing is done.
    """
    if sys.platform == "linux":
        own = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, own)
        os.setpriority(os.PRIO_PROCESS, own, min(19, now + STEP))
