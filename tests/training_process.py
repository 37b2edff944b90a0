"""Trains a tiny set in a process of its own, to be killed or to be one of several.

Run: python -m tests.training_process RUN_DIR MODE [key=value ...]
MODE "plain" trains on; "slow" waits a little after every report; "between" kills its own process
between a state's temporary write and its rename, in the second epoch. Where TWF_TEST_SECONDS is
set, it ends after so many seconds and prints where every thread stands.
"""

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path

from commands.leave import leave
from tests.training_data import tiny_config, tiny_data
from trainer.config import parse_option
from trainer.loop import train
from trainer.run_folder import RunFolder


def _kill_before_rename(target: Path) -> None:
    replace = Path.replace
    seen = []

    def killing(self: Path, other: str | Path) -> Path:
        if Path(other).name == "last.pt":
            seen.append(1)
            if len(seen) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, other)

    Path.replace = killing  # type: ignore[method-assign,assignment]


def main() -> None:
    """Train, from the start or from where the run was left."""
    faulthandler.enable()  # a process that aborts says where
    if seconds := os.environ.get("TWF_TEST_SECONDS"):
        faulthandler.dump_traceback_later(float(seconds), exit=True)
    run_dir, mode, *words = sys.argv[1:]
    options = {k: parse_option(k, v) for k, v in (word.split("=", 1) for word in words)}
    config = tiny_config(**options)
    if mode == "between":
        _kill_before_rename(Path(run_dir))
    resume = RunFolder(run_dir).begun
    for _ in train(config, tiny_data(config), run_dir, resume):
        if mode == "slow":
            time.sleep(0.02)


if __name__ == "__main__":
    main()
    leave(0)
