"""Command on several methods: compare."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.shared import (
    DONE,
    add_command,
    add_data,
    open_pairs,
    progress,
    report_notes,
    say,
    use_extensions,
)

if TYPE_CHECKING:
    from pipelines.compare import Entry


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    compare = add_command(
        commands,
        "compare",
        "compare methods on a folder of pairs, with tables, plots and statistics",
        "python cli.py compare data/ --methods default seed-haar mean max --out compared/",
        "python cli.py compare data/ --methods default --outside other_method/ --out compared/",
    )
    add_data(compare)
    compare.add_argument(
        "--methods", nargs="+", default=[], metavar="NAME|PATH",
        help="checkpoints and rules, by name or path",
    )  # fmt: skip
    compare.add_argument(
        "--outside", nargs="+", default=[], type=Path, metavar="DIR",
        help="folders of images fused elsewhere, named like the pairs",
    )  # fmt: skip
    compare.add_argument("--out", required=True, type=Path, metavar="OUT_DIR")
    compare.add_argument(
        "--reference", metavar="NAME", help="what differences are taken to (default: the first)"
    )
    compare.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    compare.add_argument(
        "--patient-pattern", metavar="REGEX", help="finds the patient in a file name"
    )
    compare.add_argument(
        "--patient-table", type=Path, metavar="CSV", help="columns name and patient"
    )
    compare.add_argument("--no-plots", action="store_true", help="write the tables only")
    compare.add_argument(
        "--extensions", type=Path, metavar="FILE.py",
        help="own rules and metrics: a Python file, which is run (docs/training.md)",
    )  # fmt: skip
    compare.set_defaults(run=run_compare)


def run_compare(args: argparse.Namespace) -> int:
    """``compare``: tables, plots and tests of several methods on the same pairs."""
    from pipelines.compare import compare, conclude
    from pipelines.compare_report import text_table, write_comparison

    use_extensions(args)
    entries = entries_of(args)
    pairs = open_pairs(args.data)
    steps = list(progress(compare(pairs, entries), lambda s: s.done, lambda s: s.total))
    for step in steps:
        if step.record.error is not None:
            say(f"{step.entry}, {step.record.name} skipped: {step.record.error}")
        elif step.entry == entries[0].name:
            report_notes(step.record.name, step.record.notes)
    found = conclude(entries, steps, args.reference, args.patient_pattern, args.patient_table)
    written = write_comparison(found, args.out, plots=not args.no_plots)
    print(text_table(found))
    print(found.patient_note)
    print(f"{len(written)} files in {args.out}")
    return DONE


def entries_of(args: argparse.Namespace) -> "list[Entry]":
    """What is compared, each name once.

    Raises:
        InputError: fewer than one entry, or two of the same name.
    """
    from imaging.errors import InputError
    from pipelines.compare import Entry
    from pipelines.methods import load_named

    entries = []
    for name in args.methods:
        method = load_named(name, args.device)
        # Every run publishes a file called "best"; its folder's name tells the run.
        best = method.name == "best" and Path(name).parent.name
        entries.append(Entry(best or method.name, best or method.title, method=method))
    entries += [Entry(d.name or str(d), d.name or str(d), folder=d) for d in args.outside]
    if not entries:
        raise InputError("Name at least one method with --methods, or a folder with --outside.")
    names = [entry.name for entry in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"These names stand for two entries: {', '.join(twice)}; rename one.")
    return entries
