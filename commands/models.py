"""Commands on models: checkpoints, publish, export."""

import argparse
from pathlib import Path
from typing import Any

from commands.shared import BAD_INPUT, DONE, add_command, open_pairs, say


def add_commands(commands: Any) -> None:
    """Add the commands of this module to the parser."""
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

    export = add_command(
        commands,
        "export",
        "write a checkpoint for other programs: ONNX, or a folder that runs by itself",
        "python cli.py export default --onnx default.onnx",
        "python cli.py export default --folder default-portable",
    )
    export.add_argument("source", metavar="NAME|PATH", help="the checkpoint to export")
    export.add_argument(
        "--onnx", type=Path, metavar="FILE", help="an ONNX file, checked with ONNX Runtime"
    )
    export.add_argument(
        "--folder", type=Path, metavar="DIR", help="weights, settings, code, an example, a check"
    )
    export.set_defaults(run=run_export, parser=export)


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


def run_export(args: argparse.Namespace) -> int:
    """``export``: a checkpoint for other programs."""
    if args.onnx is None and args.folder is None:
        args.parser.error("name what to write: --onnx FILE or --folder DIR")
    from fusion_core.checkpoint import load

    found = load(args.source)
    if args.onnx is not None:
        from pipelines.export import write_file
        from pipelines.onnx_export import check_table, export_onnx

        made = export_onnx(found)
        write_file(args.onnx, made.data)
        print(f"{args.onnx}  agrees with ONNX Runtime {made.runtime}")
        print(check_table(made))
    if args.folder is not None:
        from pipelines.portable import write_portable

        print(f"{write_portable(found, args.folder)}  run its check.py to test it")
    return DONE
