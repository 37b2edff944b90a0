"""The end of a process, which under torchrun must not fail after its work is done."""

import logging
import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End this process; under torchrun at once, without taking the interpreter apart.

    A native thread of PyTorch that meets an interpreter which is being taken apart aborts the
    process ("terminate called without an active exception"). torchrun then ends the other
    processes and counts a run as failed that was done.

    Args:
        code: exit code.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
