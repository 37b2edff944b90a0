"""Commands on training: train, sweep, runs."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.shared import BAD_INPUT, DONE, STOPPED, add_command, say, speaks

if TYPE_CHECKING:
    from trainer.run_export import RunSummary
    from trainer.sweep import SweepReport


def add_commands(commands: Any, arguments: list[str]) -> None:
    """Add the commands of this module; the many flags of a training only where they are meant."""
    meant = next((word for word in arguments if not word.startswith("-")), None)
    train = add_command(
        commands,
        "train",
        "train masks on a folder of pairs",
        "python cli.py train data/ --out runs/mine --preset default",
        "python cli.py train data/ --out runs/db4 --wavelet db4 --levels 2 --epochs 20",
        "python cli.py train --resume runs/mine",
        "python cli.py train --preset medical --print-config > mine.json",
        "torchrun --standalone --nproc-per-node=2 cli.py train data/ --out runs/mine",
    )
    train.usage = "cli.py train DATA_DIR --out RUN_DIR [options]\n       cli.py train --resume RUN"
    train.set_defaults(run=run_train, parser=train)

    sweep = add_command(
        commands,
        "sweep",
        "train every combination of wavelets, levels, losses and seeds",
        "python cli.py sweep data/ --out runs/wavelets --wavelets haar db4 --levels 1 2 "
        "--seeds 0 1 2",
        "python cli.py sweep data/ --out runs/losses --preset seed --losses standard medical "
        "mse=1,ssim=2 --epochs 20",
    )
    sweep.usage = (
        "cli.py sweep DATA_DIR --out SWEEP_DIR [--wavelets NAME ...] [--levels N ...]\n"
        "       [--losses NAME ...] [--seeds N ...] [any setting of train]"
    )
    sweep.set_defaults(run=run_sweep, parser=sweep)

    runs = add_command(
        commands,
        "runs",
        "list, show or export runs",
        "python cli.py runs list runs/",
        "python cli.py runs show runs/mine",
        "python cli.py runs export runs/mine -o epochs.csv",
        "python cli.py runs export runs/mine -o mine.zip",
    )
    _add_runs(runs)

    if meant in ("train", "sweep"):
        from trainer import flags

        flags.load_named_early(arguments)
        if meant == "train":
            flags.add_flags(train)
        else:
            _add_sweep(sweep)


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    from trainer.flags import add_settings
    from trainer.sweep import SWEPT

    parser.add_argument("data", metavar="DATA_DIR", type=Path, help="folder with CT/ and MRI/")
    parser.add_argument(
        "--out",
        required=True,
        metavar="SWEEP_DIR",
        type=Path,
        help="folder for the runs and tables; the same words again go on with what is there",
    )
    group = parser.add_argument_group("combinations", "what is left out keeps the preset's value")
    for flag, kind, metavar, text in (
        ("wavelets", str, "NAME", "names of wavelets"),
        ("levels", int, "N", "levels of the transform, 1 to 5"),
        ("losses", str, "NAME", "names of losses, or weights like mse=1,ssim=2"),
        ("seeds", int, "N", "seeds; means and deviations are over them"),
    ):
        group.add_argument(
            f"--{flag}", dest=f"all_{flag}", nargs="+", type=kind, default=[], metavar=metavar,
            help=text,
        )  # fmt: skip
    add_settings(parser, without=SWEPT)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="what", required=True, metavar="list|show|export")
    listing = kinds.add_parser("list", help="one line per run of a folder, sweeps included")
    listing.add_argument("folder", nargs="?", type=Path, default=Path("runs"), metavar="DIR")
    listing.set_defaults(run=run_runs_list)
    show = kinds.add_parser("show", help="what a run is made of, and its epochs")
    show.add_argument("folder", type=Path, metavar="RUN")
    show.set_defaults(run=run_runs_show)
    export = kinds.add_parser("export", help="a run as one file")
    export.add_argument("folder", type=Path, metavar="RUN")
    export.add_argument(
        "-o",
        "--out",
        required=True,
        type=Path,
        metavar="FILE",
        help=".csv: one line per epoch; .json: everything but weights and pictures; .zip: the "
        "folder with weights and pictures",
    )
    export.set_defaults(run=run_runs_export)


def run_train(args: argparse.Namespace) -> int:
    """``train``: masks from a folder of pairs, watched line by line."""
    from trainer import flags

    if args.print_config:
        print(flags.config_json(flags.read_config(args)))
        return DONE
    if args.resume is None and (args.data is None or args.out is None):
        args.parser.error("give DATA_DIR and --out RUN_DIR, or --resume RUN")
    from trainer.console import describe, stop_on_interrupt
    from trainer.control import Control, obey_stdin, steered
    from trainer.launcher import train_anywhere
    from trainer.reports import Finished, Started, StepReport

    control = Control()
    if steered() and speaks():
        obey_stdin(control)
    run, resume = flags.open_run(args), args.resume is not None
    last = None
    with stop_on_interrupt(control.stop, say):
        for last in train_anywhere(run.config, run.data, run.folder, resume, control):
            failed = isinstance(last, Finished) and last.reason == "failed"
            if speaks() and not failed:
                _show_training(describe(last), passing=isinstance(last, StepReport))
            if speaks() and isinstance(last, Started):
                for note in last.notes:
                    say(note)
    if not isinstance(last, Finished) or last.reason == "failed":
        if isinstance(last, Finished):
            say(f"error: {last.message}")  # any process may be the only one that knows
        return BAD_INPUT
    if speaks():
        print(f"best weights: {run.folder / 'best.safetensors'}")
    return STOPPED if last.reason == "stopped" and not steered() else DONE


def run_sweep(args: argparse.Namespace) -> int:
    """``sweep``: many runs in order, one table; what is done already is passed over."""
    from trainer import flags
    from trainer.console import stop_on_interrupt
    from trainer.control import Control
    from trainer.data import open_folder
    from trainer.reports import Finished
    from trainer.sweep import plan_sweep, sweep
    from trainer.sweep_results import RESULTS_MD

    runs = plan_sweep(
        flags.read_config(args), args.all_wavelets, args.all_levels, args.all_losses,
        args.all_seeds,
    )  # fmt: skip
    control = Control()
    failed = False
    with stop_on_interrupt(control.stop, say):
        for seen in sweep(runs, lambda config: open_folder(args.data, config), args.out, control):
            if speaks():
                _show_sweep(seen)
            report = seen.report
            failed |= seen.error is not None
            failed |= isinstance(report, Finished) and report.reason == "failed"
    if speaks():
        print((args.out / RESULTS_MD).read_text(encoding="utf-8"), end="")
    if control.stopped:
        return STOPPED
    return BAD_INPUT if failed else DONE


def run_runs_list(args: argparse.Namespace) -> int:
    """``runs list``: one line per run."""
    from trainer.run_export import summaries

    found = summaries(args.folder)
    if not found:
        say(f"{args.folder} holds no runs.")
        return DONE
    width = max(len("name"), *(len(run.name) for run in found))
    print(f"{'name':<{width}}  {'state':<11}  {'epochs':>9}  {'best loss':>9}  {'at':>4}  settings")
    for run in found:
        print(_run_line(run, width))
    return DONE


def run_runs_show(args: argparse.Namespace) -> int:
    """``runs show``: settings that are not the published ones, data, and epochs."""
    from trainer.config import TrainConfig
    from trainer.run_export import epoch_table, summary
    from trainer.run_folder import RunFolder

    run = RunFolder(args.folder)
    config, data = run.read_json("config.json"), run.read_json("data.json")
    place = run.read_json("environment.json")
    found, plain = summary(run), TrainConfig().to_dict()
    print(f"{found.name}: {found.status.state}. {found.status.message}")
    print(
        f"data      {data['source']}: {data['train']} pairs to train on, {data['val']} to validate"
    )
    print(f"machine   {place['device']}, {place['threads']} threads, torch {place['torch']}")
    print(f"model     {_pairs(config['model'])}")
    print(f"loss      {found.loss}")
    other = {k: v for k, v in config.items() if k not in ("model", "loss") and v != plain.get(k)}
    print(f"settings  {_pairs(other) or 'the published ones'}")
    if found.best_epoch:
        print(f"best      epoch {found.best_epoch}, loss {found.best_loss:.5f}")
    for row in epoch_table(run):
        val = "" if row["val_total"] is None else f"  val {row['val_total']:.5f}"
        mark = "  best so far" if row["best"] else ""
        print(f"  epoch {row['epoch']:>4}  train {row['train_total']:.5f}{val}{mark}")
    return DONE


def run_runs_export(args: argparse.Namespace) -> int:
    """``runs export``: a run as CSV, JSON or zip."""
    from pipelines.export import check_target, write_file
    from trainer.run_export import KINDS, export_run
    from trainer.run_folder import RunFolder

    check_target(args.out, (), KINDS)
    write_file(args.out, export_run(RunFolder(args.folder), args.out.suffix.lower()))
    print(args.out)
    return DONE


def _run_line(run: "RunSummary", width: int) -> str:
    epochs = f"{run.status.epoch}/{run.epochs if run.epochs is not None else '?'}"
    best = "" if run.best_loss is None else f"{run.best_loss:.4f}"
    at = "" if run.best_epoch is None else str(run.best_epoch)
    words = "; ".join(filter(None, (run.model, run.loss, f"seed {run.seed}")))
    return f"{run.name:<{width}}  {run.status.state:<11}  {epochs:>9}  {best:>9}  {at:>4}  {words}"


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _show_sweep(seen: "SweepReport") -> None:
    """One line per lasting event of a sweep, with the run that it belongs to."""
    from trainer.console import describe
    from trainer.reports import StepReport

    head = f"[{seen.index}/{seen.total}] {seen.run.name}"
    if seen.error is not None:
        say(f"{head}: {seen.error}")
    elif seen.report is None:
        _show_training(f"{head}: done before", passing=False)
    else:
        line = f"{head}: {describe(seen.report)}"
        _show_training(line, passing=isinstance(seen.report, StepReport))


def _show_training(line: str, passing: bool) -> None:
    """A lasting line on stdout; a passing one only where a person watches."""
    if not passing:
        if sys.stderr.isatty():
            print("\x1b[2K", end="\r", file=sys.stderr, flush=True)
        print(line, flush=True)
    elif sys.stderr.isatty():
        print(f"\x1b[2K{line}", end="\r", file=sys.stderr, flush=True)
