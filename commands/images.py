"""Commands on images: fuse, batch, evaluate, provenance, demo."""

import argparse
from pathlib import Path
from typing import Any

from commands import volumes
from commands.sharding import shared_out
from commands.shared import (
    BAD_INPUT,
    DONE,
    add_command,
    add_data,
    add_method,
    add_outputs,
    add_pair,
    chosen_method,
    collect,
    fuse_files,
    open_pairs,
    report_notes,
    say,
    speaks,
    use_extensions,
)


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
    fuse = add_command(
        commands,
        "fuse",
        "fuse one pair of images or of volumes",
        "python cli.py fuse ct.png mri.png -o fused.png",
        "python cli.py fuse ct.dcm mri.dcm -o fused.png --masks masks/ --json fused.json",
        "python cli.py fuse CT/ MR.zip -o fused.nii.gz --align rigid --window-ct brain",
        "python cli.py fuse ct.nii.gz t1.nii.gz -o fused.dcm --save-transform t1.tfm",
        "python cli.py fuse CT/ MR/ -o slice.png --slice 40 --report slice.pdf",
    )
    add_pair(fuse, "; or a volume: a folder, a zip or a file")
    fuse.add_argument(
        "-o", "--out", required=True, metavar="OUT", type=Path,
        help="OUT.png; of volumes also OUT.nii.gz, or OUT.dcm for a folder of DICOM files",
    )  # fmt: skip
    add_method(fuse)
    add_outputs(fuse, "folder for one PNG per mask")
    fuse.add_argument(
        "--json", type=Path, metavar="FILE", help="write the metrics, of a volume its summary"
    )
    fuse.add_argument(
        "--report", type=Path, metavar="FILE", help="one page about the image: .html or .pdf"
    )
    volumes.add_options(fuse)
    volumes.add_one_pair(fuse)
    fuse.set_defaults(run=run_fuse)

    batch = add_command(
        commands,
        "batch",
        "fuse every pair of a folder or zip",
        "python cli.py batch data/ -o fused/",
        "python cli.py batch studies/ -o fused/ --align rigid --window-ct brain",
        "python cli.py batch pairs.zip -o fused.zip --masks masks",
        "python cli.py batch data/ -o fused/ --checkpoint runs/mine/best.safetensors",
        "torchrun --standalone --nproc-per-node=2 cli.py batch data/ -o fused/",
    )
    batch.description = (
        "Fuse every pair of a folder or zip. A pair that cannot be used is named and skipped. "
        "Stopped or called again, it passes over what is there, made from the same images by the "
        "same method and options. Beside the images it writes metrics.csv, contact sheets and "
        "report.txt; beside volumes one JSON file each."
    )
    batch.add_argument(
        "data", metavar="DATA", type=Path,
        help="folder or zip with CT/ and MRI/, paired by name: images, or volumes (a folder, zip "
        "or NIfTI file each)",
    )  # fmt: skip
    batch.add_argument(
        "-o", "--out", required=True, metavar="OUT", type=Path,
        help="folder to write to, or a zip to make",
    )  # fmt: skip
    add_method(batch)
    add_outputs(batch, "folder for one folder of masks per pair; for a zip a folder inside it")
    batch.add_argument("--no-metrics", action="store_true", help="only fuse: no metrics.csv")
    batch.add_argument(
        "--anew", action="store_true", help="fuse all pairs again, also those that are there"
    )
    group = volumes.add_options(batch)
    group.add_argument(
        "--format", choices=("nifti", "dicom"),
        help="one NIfTI file (default) or one folder of DICOM files for each pair",
    )  # fmt: skip
    batch.set_defaults(run=run_batch)

    evaluate = add_command(
        commands,
        "evaluate",
        "score a method, or images fused elsewhere, on a folder of pairs",
        "python cli.py evaluate data/ --csv scores.csv",
        "python cli.py evaluate data/ --rule max",
        "python cli.py evaluate data/ --fused other_method/ --csv other.csv",
        "torchrun --standalone --nproc-per-node=2 cli.py evaluate data/ --csv scores.csv",
    )
    add_data(evaluate)
    which = add_method(evaluate)
    which.add_argument(
        "--fused", type=Path, metavar="DIR", help="score the images of this folder instead"
    )
    evaluate.add_argument("--csv", type=Path, metavar="FILE", help="write a line per image")
    evaluate.set_defaults(run=run_evaluate)

    provenance = add_command(
        commands,
        "provenance",
        "say what every subband took from CT and from MRI",
        "python cli.py provenance ct.png mri.png --json provenance.json",
    )
    add_pair(provenance)
    add_method(provenance)
    provenance.add_argument("--json", type=Path, metavar="FILE", help="write it all as JSON")
    provenance.set_defaults(run=run_provenance)

    demo = add_command(
        commands,
        "demo",
        "write the bundled synthetic pairs and what a method makes of them",
        "python cli.py demo -o demo/",
    )
    demo.add_argument("-o", "--out", required=True, metavar="OUT_DIR", type=Path)
    add_method(demo)
    demo.set_defaults(run=run_demo)


def run_fuse(args: argparse.Namespace) -> int:
    """``fuse``: one pair into one PNG, with masks and metrics where asked; or two volumes."""
    from pipelines import export
    from pipelines.fuse import scores

    if volumes.are_volumes(args):
        return volumes.fuse(args)
    export.check_target(args.out, (args.ct, args.mri), (".png",))
    export.check_target(args.json, (args.ct, args.mri))
    export.check_target(args.report, (args.ct, args.mri), (".html", ".pdf"))
    pair = fuse_files(args)
    values = scores(pair) if args.json or args.report else None
    if args.masks:
        export.write_masks(pair, args.masks)
    export.write_file(args.out, export.stamped_png(pair, args.caption))
    # Notes follow success only: an error is one line on stderr.
    report_notes(pair.name, pair.notes)
    if args.report and values is not None:
        from pipelines.report import make_report, report_html
        from pipelines.report_pdf import report_pdf

        searched = args.align in ("rigid", "affine") or args.transform
        how = "moved within its plane, see the notes" if searched else "as filed, not registered"
        page = make_report(pair, values, f"MRI {how}")
        pdf = args.report.suffix.lower() == ".pdf"
        export.write_file(args.report, report_pdf(page) if pdf else report_html(page))
    if args.json and values is not None:
        export.write_file(args.json, export.metrics_json(pair, values))
        report_notes(pair.name, [f"{k} has no value: {v}" for k, v in values.notes.items()])
    print(f"{args.out}  ({export.method_label(pair.method)})")
    return DONE


def run_batch(args: argparse.Namespace) -> int:
    """``batch``: every pair of a folder or zip; unusable pairs are named and skipped."""
    from commands import batches

    return batches.run(args)


def run_evaluate(args: argparse.Namespace) -> int:
    """``evaluate``: metrics per image and their mean ± sd."""
    from pipelines import evaluate
    from pipelines.export import check_target, method_label, write_file

    check_target(args.csv, ())
    use_extensions(args)
    pairs = open_pairs(args.data)
    if args.fused:
        if (missing := evaluate.missing_fused(pairs, args.fused)) and speaks():
            say(f"{len(missing)} pairs have no fused image: {', '.join(missing)}.")
        pairs = evaluate.with_fused(pairs, args.fused)
    with shared_out(pairs) as share:
        if args.fused:
            label = str(args.fused)
            found = evaluate.evaluate_folder(share.pairs, args.fused)
        else:
            args.device = share.device(args.device)
            method = chosen_method(args)
            label, found = method_label(method), evaluate.evaluate_method(share.pairs, method)
        records = share.gather(collect(found))
        if not share.first:
            return DONE
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
    pair = fuse_files(args)
    values = export.provenance(pair)
    if args.json:
        export.write_file(args.json, export.to_json(values))
    report_notes(pair.name, pair.notes)
    print(f"{pair.name}  ({export.method_label(pair.method)}), CT's share in percent")
    print(export.provenance_table(values))
    return DONE


def run_demo(args: argparse.Namespace) -> int:
    """``demo``: CT/, MRI/, fused/, masks and metrics.csv of the bundled cases."""
    from pipelines import batch
    from pipelines.cases import write_cases

    method = chosen_method(args)
    write_cases(args.out)
    options = batch.BatchOptions(args.out / "masks", True, False)
    records = collect(batch.run_batch(open_pairs(args.out), args.out / "fused", method, options))
    print(f"{len(records)} synthetic pairs fused into {args.out / 'fused'}")
    return DONE
