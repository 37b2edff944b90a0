"""The shell's door: fuse, batch, evaluate, train, checkpoints, provenance.

Exit codes: 0 done, 1 bad input (one sentence on stderr), 2 wrong usage, 130 stopped by Ctrl-C.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imaging.pairs import PairSet
    from pipelines.evaluate import PairRecord
    from pipelines.fuse import FusedPair
    from pipelines.methods import Method

# Everything heavy is imported inside the commands, so that --help answers at once.

DONE, BAD_INPUT, STOPPED = 0, 1, 130


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
    """All commands; the many flags of ``train`` only where it is the command."""
    parser = argparse.ArgumentParser(
        prog="cli.py",
        description="Fuse CT and MRI images with learned, inspectable wavelet masks. "
        "Research, not for diagnosis.",
        epilog="Set TWF_DEBUG=1 to see the traceback of an error.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    fuse = _command(
        commands,
        "fuse",
        "fuse one pair into a PNG",
        "python cli.py fuse ct.png mri.png -o fused.png",
        "python cli.py fuse ct.dcm mri.dcm -o fused.png --masks masks/ --json fused.json",
        "python cli.py fuse ct.png mri.png -o fused.png --rule laplacian",
    )
    _add_pair(fuse)
    fuse.add_argument("-o", "--out", required=True, metavar="OUT.png", type=Path)
    _add_method(fuse)
    _add_outputs(fuse, "folder for one PNG per mask")
    fuse.add_argument("--json", type=Path, metavar="FILE", help="write the metrics as JSON")
    fuse.set_defaults(run=run_fuse)

    batch = _command(
        commands,
        "batch",
        "fuse every pair of a folder",
        "python cli.py batch data/ -o fused/",
        "python cli.py batch data/ -o fused/ --checkpoint runs/mine/best.safetensors",
    )
    _add_data(batch)
    batch.add_argument("-o", "--out", required=True, metavar="OUT_DIR", type=Path)
    _add_method(batch)
    _add_outputs(batch, "folder for one folder of masks per pair")
    batch.add_argument("--no-metrics", action="store_true", help="only fuse: no metrics.csv")
    batch.set_defaults(run=run_batch)

    evaluate = _command(
        commands,
        "evaluate",
        "score a method, or images fused elsewhere, on a folder of pairs",
        "python cli.py evaluate data/ --csv scores.csv",
        "python cli.py evaluate data/ --rule max",
        "python cli.py evaluate data/ --fused other_method/ --csv other.csv",
    )
    _add_data(evaluate)
    which = _add_method(evaluate)
    which.add_argument(
        "--fused", type=Path, metavar="DIR", help="score the images of this folder instead"
    )
    evaluate.add_argument("--csv", type=Path, metavar="FILE", help="write a line per image")
    evaluate.set_defaults(run=run_evaluate)

    provenance = _command(
        commands,
        "provenance",
        "say what every subband took from CT and from MRI",
        "python cli.py provenance ct.png mri.png --json provenance.json",
    )
    _add_pair(provenance)
    _add_method(provenance)
    provenance.add_argument("--json", type=Path, metavar="FILE", help="write it all as JSON")
    provenance.set_defaults(run=run_provenance)

    checkpoints = _command(
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

    train = _command(
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
    return parser


# --- commands -----------------------------------------------------------------------------------


def run_fuse(args: argparse.Namespace) -> int:
    """``fuse``: one pair into one PNG, with masks and metrics where asked."""
    from pipelines import export
    from pipelines.fuse import scores

    export.check_target(args.out, (args.ct, args.mri), (".png",))
    export.check_target(args.json, (args.ct, args.mri))
    pair = _fuse(args)
    values = scores(pair) if args.json else None
    if args.masks:
        export.write_masks(pair, args.masks)
    export.write_file(args.out, export.stamped_png(pair, args.caption))
    # Notes follow success only: an error is one line on stderr.
    _report_notes(pair.name, pair.notes)
    if values is not None:
        export.write_file(args.json, export.metrics_json(pair, values))
        _report_notes(pair.name, [f"{k} has no value: {v}" for k, v in values.notes.items()])
    print(f"{args.out}  ({export.method_label(pair.method)})")
    return DONE


def run_batch(args: argparse.Namespace) -> int:
    """``batch``: every pair of a folder; unusable pairs are named and skipped."""
    from pipelines import batch, evaluate
    from pipelines.export import method_label

    pairs = _find_pairs(args.data)
    method = _load_method(args)
    options = batch.BatchOptions(args.masks, not args.no_metrics, args.caption)
    records = _collect(batch.run_batch(pairs, args.out, method, options))
    good = [r for r in records if r.error is None]
    if good and options.metrics:
        print(evaluate.summary_table(good))
    print(f"{len(good)} of {len(records)} pairs fused into {args.out}  ({method_label(method)})")
    return DONE if good else BAD_INPUT


def run_evaluate(args: argparse.Namespace) -> int:
    """``evaluate``: metrics per image and their mean ± sd."""
    from pipelines import evaluate
    from pipelines.export import check_target, method_label, write_file

    check_target(args.csv, ())
    pairs = _find_pairs(args.data)
    if args.fused:
        if missing := evaluate.missing_fused(pairs, args.fused):
            _say(f"{len(missing)} pairs have no fused image: {', '.join(missing)}.")
        label, records = str(args.fused), _collect(evaluate.evaluate_folder(pairs, args.fused))
    else:
        method = _load_method(args)
        label, records = method_label(method), _collect(evaluate.evaluate_method(pairs, method))
    good = [r for r in records if r.scores is not None]
    if not good:
        return BAD_INPUT
    if args.csv:
        rows = [evaluate.csv_header(), *map(evaluate.csv_row, good)]
        write_file(args.csv, "".join(rows))
    print(f"{label}: {len(good)} images")
    print(evaluate.summary_table(good))
    return DONE


def run_provenance(args: argparse.Namespace) -> int:
    """``provenance``: CT's share of every subband by three definitions."""
    from pipelines import export

    export.check_target(args.json, (args.ct, args.mri))
    pair = _fuse(args)
    values = export.provenance(pair)
    if args.json:
        export.write_file(args.json, export.to_json(values))
    _report_notes(pair.name, pair.notes)
    print(f"{pair.name}  ({export.method_label(pair.method)}), CT's share in percent")
    print(export.provenance_table(values))
    return DONE


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
            _say(f"error: {verified.error}")
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
    with stop_on_interrupt(control.stop, _say):
        for last in train(run.config, run.data, run.folder, args.resume is not None, control):
            if watched:
                _show_training(describe(last), passing=isinstance(last, StepReport))
    if not isinstance(last, Finished) or last.reason == "failed":
        return BAD_INPUT
    if watched:
        print(f"best weights: {run.folder / 'best.safetensors'}")
    return STOPPED if last.reason == "stopped" else DONE


# --- what commands share ------------------------------------------------------------------------


def _fuse(args: argparse.Namespace) -> "FusedPair":
    from imaging.read import read_image
    from pipelines.fuse import fuse_pair

    ct, mri = read_image(args.ct), read_image(args.mri)
    return fuse_pair(ct, mri, _load_method(args))


def _load_method(args: argparse.Namespace) -> "Method":
    from pipelines.methods import load_method

    return load_method(args.checkpoint, args.rule, args.device)


def _find_pairs(folder: Path) -> "PairSet":
    from imaging.pairs import find_pairs

    pairs = find_pairs(folder)
    for note in pairs.notes:
        _say(note)
    return pairs


def _collect(records: Iterable["PairRecord"]) -> list["PairRecord"]:
    found = []
    for record in _progress(records):
        found.append(record)
        if record.error is not None:
            _say(f"{record.name} skipped: {record.error}")
        else:
            _report_notes(record.name, record.notes)
    return found


def _progress(records: Iterable["PairRecord"]) -> Iterator["PairRecord"]:
    """Draw a bar on stderr where a person watches."""
    start, shown = time.monotonic(), sys.stderr.isatty()
    for record in records:
        if shown:
            left = (time.monotonic() - start) / record.index * (record.total - record.index)
            filled = "#" * (30 * record.index // record.total)
            text = f"{filled:<30} {record.index}/{record.total}  {left:.0f} s left"
            end = "\n" if record.index == record.total else "\r"
            print(f"\x1b[2K{text}", end=end, file=sys.stderr, flush=True)
        yield record


def _show_training(line: str, passing: bool) -> None:
    """A lasting line on stdout; a passing one only where a person watches."""
    if not passing:
        if sys.stderr.isatty():
            print("\x1b[2K", end="\r", file=sys.stderr, flush=True)
        print(line, flush=True)
    elif sys.stderr.isatty():
        print(f"\x1b[2K{line}", end="\r", file=sys.stderr, flush=True)


def _report_notes(name: str, notes: Iterable[str]) -> None:
    for note in notes:
        _say(f"{name}: {note}")


def _say(text: str) -> None:
    clear = "\x1b[2K" if sys.stderr.isatty() else ""  # of a progress bar
    print(f"{clear}{text}", file=sys.stderr)


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


def _command(commands: Any, name: str, text: str, *examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _add_pair(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ct", metavar="CT", type=Path, help="CT image, raster or DICOM")
    parser.add_argument("mri", metavar="MRI", type=Path, help="MRI image of the same anatomy")


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", metavar="DATA_DIR", type=Path, help="folder with CT/ and MRI/, paired by file name"
    )


def _add_method(parser: argparse.ArgumentParser) -> Any:
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--checkpoint", metavar="NAME|PATH", help="trained weights (default: default)"
    )
    which.add_argument("--rule", metavar="NAME", help="a classical rule, such as max or laplacian")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    return which


def _add_outputs(parser: argparse.ArgumentParser, masks: str) -> None:
    parser.add_argument("--masks", type=Path, metavar="DIR", help=masks)
    parser.add_argument(
        "--caption", action="store_true", help="also burn the stamp into a strip below the image"
    )


if __name__ == "__main__":
    sys.exit(main())
