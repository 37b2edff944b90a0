"""What the shell's commands share: arguments, progress and messages."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from imaging.image import Image
    from imaging.pairs import PairSet
    from pipelines.evaluate import PairRecord
    from pipelines.fuse import FusedPair
    from pipelines.methods import Method

T = TypeVar("T")
DONE, BAD_INPUT, STOPPED = 0, 1, 130


def fuse_files(args: argparse.Namespace) -> "FusedPair":
    from imaging.read import read_image
    from imaging.windowing import parse_window
    from pipelines.fuse import fuse_pair

    ct, mri = read_image(args.ct), read_image(args.mri)
    windows = (
        parse_window(getattr(args, f"window_{source}", None), image.unit, name)
        for source, image, name in (("ct", ct, "CT"), ("mri", mri, "MRI"))
    )
    return fuse_pair(ct, _aligned(args, ct, mri), chosen_method(args), *windows)


def _aligned(args: argparse.Namespace, ct: "Image", mri: "Image") -> "Image":
    """The MRI as it is, or moved within its plane where that was asked for."""
    kind, given = getattr(args, "align", None), getattr(args, "transform", None)
    if kind not in ("rigid", "affine") and given is None:
        return mri
    from imaging.source import from_path
    from imaging.tfm import decode_tfm, encode_tfm
    from pipelines.export import write_file
    from pipelines.image_align import align_images

    transform = None if given is None else decode_tfm(from_path(given).load(), given.name)
    found = align_images(ct, mri, kind or "rigid", transform, share_bar("aligning"))
    if args.save_transform:
        write_file(args.save_transform, encode_tfm(found.transform))
    return found.mri


def chosen_method(args: argparse.Namespace) -> "Method":
    from pipelines.methods import load_method

    use_extensions(args)
    return load_method(args.checkpoint, args.rule, args.device)


def use_extensions(args: argparse.Namespace) -> None:
    """Run the file of own rules and metrics, where one is named."""
    if args.extensions is not None:
        from pipelines.extensions import load_extensions

        load_extensions(args.extensions)


def open_pairs(folder: Path) -> "PairSet":
    from imaging.pairs import find_pairs

    pairs = find_pairs(folder)
    if speaks():
        for note in pairs.notes:
            say(note)
    return pairs


def collect(records: Iterable["PairRecord"]) -> list["PairRecord"]:
    found = []
    for record in progress(records, lambda r: r.index, lambda r: r.total):
        found.append(record)
        if record.error is not None:
            say(f"{record.name} skipped: {record.error}")
        else:
            report_notes(record.name, record.notes)
    return found


def progress(
    steps: Iterable[T], done: Callable[[T], int], total: Callable[[T], int]
) -> Iterator[T]:
    """Draw a bar on stderr where a person watches."""
    start, shown = time.monotonic(), sys.stderr.isatty() and speaks()
    for step in steps:
        if shown:
            at, of = done(step), total(step)
            left = (time.monotonic() - start) / at * (of - at)
            text = f"{'#' * (30 * at // of):<30} {at}/{of}  {left:.0f} s left"
            end = "\n" if at == of else "\r"
            print(f"\x1b[2K{text}", end=end, file=sys.stderr, flush=True)
        yield step


def share_bar(text: str) -> Callable[[float], None] | None:
    """A bar for work that tells the share that is done; None where nobody watches."""
    if not (sys.stderr.isatty() and speaks()):
        return None

    def draw(share: float) -> None:
        end = "\n" if share >= 1 else "\r"
        words = f"{'#' * int(30 * share):<30} {100 * share:3.0f} %  {text}"
        print(f"\x1b[2K{words}", end=end, file=sys.stderr, flush=True)

    return draw


def report_notes(name: str, notes: Iterable[str]) -> None:
    for note in notes:
        say(f"{name}: {note}")


def speaks() -> bool:
    """Whether this process is to speak: under torchrun only the first one."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    clear = "\x1b[2K" if sys.stderr.isatty() else ""  # of a progress bar
    print(f"{clear}{text}", file=sys.stderr)


def add_command(commands: Any, name: str, text: str, *examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog="examples:\n" + "\n".join(f"  {line}" for line in examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def add_pair(parser: argparse.ArgumentParser, also: str = "") -> None:
    parser.add_argument("ct", metavar="CT", type=Path, help=f"CT image, raster or DICOM{also}")
    parser.add_argument(
        "mri", metavar="MRI", type=Path, help=f"MRI image of the same anatomy{also}"
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data", metavar="DATA_DIR", type=Path, help="folder with CT/ and MRI/, paired by file name"
    )


def add_method(parser: argparse.ArgumentParser) -> Any:
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--checkpoint", metavar="NAME|PATH", help="trained weights (default: default)"
    )
    which.add_argument("--rule", metavar="NAME", help="a classical rule, such as max or laplacian")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument(
        "--extensions",
        type=Path,
        metavar="FILE.py",
        help="own rules and metrics: a Python file, which is run (docs/training.md)",
    )
    return which


def add_outputs(parser: argparse.ArgumentParser, masks: str) -> None:
    parser.add_argument("--masks", type=Path, metavar="DIR", help=masks)
    parser.add_argument(
        "--caption", action="store_true", help="also burn the stamp into a strip below the image"
    )
