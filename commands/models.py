"""Commands on models: checkpoints, publish, train."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from commands.shared import BAD_INPUT, DONE, STOPPED, add_command, open_pairs, say


def add_commands(commands: Any, arguments: list[str]) -> None:
    """Add the commands of this module; the many flags of ``train`` only where it is meant."""
    checkpoints = add_command(
        commands,
        "checkpoints",
        "list and verify checkpoints, or convert a published-style state dict",
        "python cli.py checkpoints",
        "python cli.py checkpoints runs/mine/best.safetensors",
        "python cli.py checkpoints --convert published.pth -o published.safetensors",
    )
    checkpoints.add_argument("names", nargs="*", metavar="NAME|PATH", help="only these")
    checkpoints.add_argument("--convert", type=Path, metavar="FILE", help="read this state dict")
    checkpoints.add_argument("-o", "--out", type=Path, metavar="FILE", help="where to convert to")
    checkpoints.set_defaults(run=run_checkpoints)

    train = add_command(
        commands,
        "train",
        "train masks on a folder of pairs",
        "python cli.py train data/ --out runs/mine --preset default",
        "python cli.py train data/ --out runs/db4 --wavelet db4 --levels 2 --epochs 20",
        "python cli.py train --resume runs/mine",
        "python cli.py train --preset medical --print-config > mine.json",
    )
    train.usage = "cli.py train DATA_DIR --out RUN_DIR [options]\n       cli.py train --resume RUN"
    train.set_defaults(run=run_train, parser=train)
    if next((word for word in arguments if not word.startswith("-")), None) == "train":
        from trainer.flags import add_flags

        add_flags(train)

    publish = add_command(
        commands,
        "publish",
        "measure a trained checkpoint and write it with a model card",
        "python cli.py publish runs/mine/best.safetensors --name mine --score 'held out=data/' "
        "--summary 'Trained on ...'",
    )
    publish.add_argument("source", metavar="NAME|PATH", help="the checkpoint to publish")
    publish.add_argument("--name", required=True, help="its new name")
    publish.add_argument("--summary", required=True, help="what it is, in a sentence or two")
    publish.add_argument(
        "--score",
        action="append",
        required=True,
        metavar="LABEL=DATA_DIR",
        help="data to score it on, with a label for the card; may be given again",
    )
    publish.add_argument("--command", dest="made_with", default="", help="how it was trained")
    publish.add_argument("--out", type=Path, default=Path("checkpoints"), metavar="DIR")
    publish.set_defaults(run=run_publish, parser=publish)


def run_checkpoints(args: argparse.Namespace) -> int:
    """``checkpoints``: list and verify, or convert."""
    from pipelines import zoo

    if args.convert:
        made = zoo.convert(args.convert, args.out)
        print(f"{made.path}  {made.model.parameter_count} parameters  {made.sha256[:12]}")
        return DONE
    found: list[zoo.Verified] = []
    for verified in zoo.verify(args.names):
        if not found:
            print(zoo.HEADER)
        found.append(verified)
        print(verified.line)
        if verified.error is not None:
            say(f"error: {verified.error}")
    return DONE if all(entry.error is None for entry in found) else BAD_INPUT


def run_train(args: argparse.Namespace) -> int:
    """``train``: masks from a folder of pairs, watched line by line."""
    from trainer import flags

    if args.print_config:
        print(flags.config_json(flags.read_config(args)))
        return DONE
    if args.resume is None and (args.data is None or args.out is None):
        args.parser.error("give DATA_DIR and --out RUN_DIR, or --resume RUN")
    from trainer.console import describe, stop_on_interrupt
    from trainer.control import Control
    from trainer.loop import train
    from trainer.reports import Finished, StepReport

    control = Control()
    run = flags.open_run(args)
    watched = os.environ.get("RANK", "0") == "0"  # under torchrun the first process speaks
    last = None
    with stop_on_interrupt(control.stop, say):
        for last in train(run.config, run.data, run.folder, args.resume is not None, control):
            if watched:
                _show_training(describe(last), passing=isinstance(last, StepReport))
    if not isinstance(last, Finished) or last.reason == "failed":
        return BAD_INPUT
    if watched:
        print(f"best weights: {run.folder / 'best.safetensors'}")
    return STOPPED if last.reason == "stopped" else DONE


def run_publish(args: argparse.Namespace) -> int:
    """``publish``: scores and a card for a trained checkpoint."""
    from pipelines.publish import publish

    labelled = [item.partition("=") for item in args.score]
    if not all(label and folder for label, _, folder in labelled):
        args.parser.error("--score takes LABEL=DATA_DIR")
    data = {label: open_pairs(Path(folder)) for label, _, folder in labelled}
    made = publish(
        args.source, args.name, args.out, data, summary=args.summary, command=args.made_with
    )
    print(f"{made}  and its card {made.with_suffix('.md')}")
    return DONE


def _show_training(line: str, passing: bool) -> None:
    """A lasting line on stdout; a passing one only where a person watches."""
    if not passing:
        if sys.stderr.isatty():
            print("\x1b[2K", end="\r", file=sys.stderr, flush=True)
        print(line, flush=True)
    elif sys.stderr.isatty():
        print(f"\x1b[2K{line}", end="\r", file=sys.stderr, flush=True)
