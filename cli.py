"""The shell's door: parses, runs one command, and says in one sentence what went wrong.

Exit codes: 0 done, 1 bad input (one sentence on stderr), 2 wrong usage, 130 stopped by Ctrl-C.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from commands import clinical, compare, images, models, study, training, volumes
from commands.leave import leave
from commands.shared import BAD_INPUT, DONE, STOPPED


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without arrows gets question marks
            stream.reconfigure(errors="replace")
    try:
        args = build_parser(arguments).parse_args(arguments)
        return int(args.run(args))
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        if os.environ.get("TWF_DEBUG"):
            raise
        print(f"error: {_sentence(error)}", file=sys.stderr)
        return BAD_INPUT


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="cli.py",
        description="Fuse CT and MRI images with learned, inspectable wavelet masks. "
        "Research, not for diagnosis.",
        epilog="Set TWF_DEBUG=1 to see the traceback of an error.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    images.add_commands(commands)
    volumes.add_commands(commands)
    training.add_commands(commands, list(arguments))
    compare.add_commands(commands)
    clinical.add_commands(commands)
    study.add_commands(commands)
    models.add_commands(commands)
    return parser


def _sentence(error: Exception) -> str:
    """One line for the user: our own words as they are, anything else with the way to look."""
    words = " ".join(str(error).split())
    # A ValueError of this program is a whole sentence; other libraries' hardly ever are.
    if isinstance(error, ValueError) and words.endswith("."):
        return words
    if isinstance(error, MemoryError):
        return "The memory does not suffice; use smaller images."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file'}: {error.strerror}."
    kind = type(error).__name__
    return f"{words or kind} ({kind}; set TWF_DEBUG=1 to see the traceback)"


if __name__ == "__main__":
    leave(main())
