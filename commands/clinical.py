"""Command on what must still be seen: clinical."""

import argparse
from pathlib import Path
from typing import Any

from commands.shared import BAD_INPUT, DONE, add_command, progress, report_notes, say


def add_commands(commands: Any) -> None:
    """Add the command of this module to the parser."""
    clinical = add_command(
        commands,
        "clinical",
        "check that lesions and cortex are still seen and nothing is invented",
        "python cli.py clinical --methods default max --csv clinical.csv",
        "python cli.py clinical --methods default --pair ct.png mri.png --mask lesion.png",
    )
    clinical.description = (
        "Check methods on synthetic heads, whose lesions are known: mean and worst over slices "
        "through every kind of lesion, with T1, T2 and FLAIR in turn. With --pair, check one pair "
        "of your own instead."
    )
    clinical.add_argument(
        "--methods", nargs="+", default=["default"], metavar="NAME|PATH",
        help="checkpoints and rules, by name or path (default: default)",
    )  # fmt: skip
    clinical.add_argument(
        "--heads", type=int, default=6, help="synthetic heads, four slices each (default: 6)"
    )
    clinical.add_argument(
        "--pair", nargs=2, type=Path, metavar=("CT", "MRI"), help="one pair instead of the heads"
    )
    clinical.add_argument(
        "--mask", type=Path, metavar="FILE",
        help="with --pair: image of the CT's size, 0 but for one value per region to look at",
    )  # fmt: skip
    clinical.add_argument("--csv", type=Path, metavar="FILE", help="write the heads' table as CSV")
    clinical.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    clinical.set_defaults(run=run_clinical)


def run_clinical(args: argparse.Namespace) -> int:
    """``clinical``: the table of a cohort of synthetic heads, or of one pair."""
    from imaging.errors import InputError
    from pipelines.methods import load_named

    if args.mask and not args.pair:
        raise InputError("--mask marks regions of a pair; name the pair with --pair CT MRI.")
    if args.csv and args.pair:
        raise InputError("--csv writes the table of the synthetic heads; leave it out with --pair.")
    methods = [load_named(name, args.device) for name in args.methods]
    return _pair(args, methods) if args.pair else _heads(args, methods)


def _heads(args: argparse.Namespace, methods: list[Any]) -> int:
    from pipelines.clinical import check_methods, csv_text, summarise, text_table
    from pipelines.export import check_target, write_file

    check_target(args.csv, ())
    found = check_methods(methods, args.heads)
    records = list(progress(found, lambda r: r.index, lambda r: r.total))
    for record in records:
        if record.error is not None:
            say(f"{record.method}, {record.slice_name} skipped: {record.error}")
    summaries = summarise(records)
    if args.csv:
        write_file(args.csv, csv_text(summaries))
    print(text_table(summaries))
    return DONE if any(record.error is None for record in records) else BAD_INPUT


def _pair(args: argparse.Namespace, methods: list[Any]) -> int:
    from imaging.errors import InputError
    from imaging.read import read_image
    from pipelines.clinical_pair import mask_regions, pair_lines, text_table
    from pipelines.export import method_label
    from pipelines.fuse import fuse_pair

    ct, mri = (read_image(path) for path in args.pair)
    regions = []
    if args.mask:
        mask = read_image(args.mask)
        if mask.shape != ct.shape:
            raise InputError(
                f"{args.mask.name} has {mask.shape[1]} × {mask.shape[0]} pixels, but the CT has "
                f"{ct.shape[1]} × {ct.shape[0]}: a mask must have the size of its CT."
            )
        regions = mask_regions(mask.pixels)
    for number, method in enumerate(methods):
        pair = fuse_pair(ct, mri, method)
        if number == 0:
            report_notes(pair.name, pair.notes)
        print(f"{pair.name}  ({method_label(method)})")
        print(text_table(pair_lines(pair, regions=regions)))
    return DONE
