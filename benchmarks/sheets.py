"""Contact sheets at full size: CT, MRI and what each method makes of them, to be looked at.

Without data the rows are synthetic heads. With data they are pairs of a folder, and folders of
images fused elsewhere can stand beside ours; such a sheet shows patients' images and is refused
inside the repository.

Run: python benchmarks/sheets.py docs/images/sheet.png
     python benchmarks/sheets.py OUT.png --data DATA --names 16010 21012 --peers DIR/IFCNN
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fusion_core.checkpoint import list_checkpoints
from imaging.pairs import find_pairs
from imaging.read import read_image
from imaging.windowing import apply_window, default_window
from imaging.write import encode_png
from pipelines.cases import CASES, render_case
from pipelines.clinical import phantom_slices
from pipelines.evaluate import fused_files
from pipelines.fuse import to_8bit
from pipelines.methods import Method, load_named

ROOT = Path(__file__).resolve().parent.parent
METHODS = ("default", "default-lite", "seed-haar", "max")
LABEL, GAP, GROUND, TEXT = 22, 4, 18, 225

Picture = NDArray[np.uint8]
Row = tuple[str, NDArray[np.float32], NDArray[np.float32]]
"""Name, windowed CT and MRI."""


def phantom_rows() -> Iterator[Row]:
    """The bundled cases, and a slice through calcifications."""
    for name, case in CASES.items():
        ct, mri = (apply_window(image, default_window(image)) for image in render_case(case))
        yield f"{name}, {case.sequence}", ct, mri
    *_, (name, picture) = phantom_slices(1)
    yield f"calcifications, {picture.sequence}", picture.ct01, picture.mr01


def data_rows(folder: Path, names: Sequence[str]) -> Iterator[Row]:
    """The named pairs of a folder; four spread over it where none is named."""
    pairs = {pair.name: pair for pair in find_pairs(folder).pairs}
    spread = np.linspace(0, len(pairs) - 1, 6).round().astype(int)[1:-1]
    for name in names or [list(pairs)[place] for place in spread]:
        if name not in pairs:
            raise SystemExit(f"{folder} has no pair {name}; the first is {next(iter(pairs))}.")
        ct, mri = read_image(pairs[name].ct), read_image(pairs[name].mri)
        yield name, apply_window(ct, default_window(ct)), apply_window(mri, default_window(mri))


def sheet(rows: Sequence[Row], methods: Sequence[Method], peers: Sequence[Path]) -> Picture:
    """All rows below each other; a peer's missing image leaves its place empty."""
    titles = ["CT", "MRI", *(m.name for m in methods), *(p.name for p in peers)]
    files = {peer: fused_files(peer) for peer in peers}
    side = max(max(ct.shape) for _, ct, _ in rows)
    size = (len(titles) * (side + GAP), LABEL + len(rows) * (LABEL + side))
    canvas = Pillow.new("L", size, GROUND)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for column, title in enumerate(titles):
        draw.text((column * (side + GAP) + 4, 3), title, fill=TEXT, font=font)
    for line, (name, ct, mri) in enumerate(rows):
        top = 2 * LABEL + line * (LABEL + side)
        draw.text((4, top - LABEL + 3), name, fill=TEXT, font=font)
        pictures = [to_8bit(ct), to_8bit(mri)]
        pictures += [to_8bit(m.fuse(ct, mri).fused[0, 0].numpy()) for m in methods]
        for column, picture in enumerate(pictures):
            canvas.paste(Pillow.fromarray(picture), (column * (side + GAP), top))
        for column, peer in enumerate(peers, len(pictures)):
            if name in files[peer]:
                with Pillow.open(files[peer][name]) as image:
                    canvas.paste(image.convert("L"), (column * (side + GAP), top))
    return np.asarray(canvas)


def main() -> int:
    """Write one sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.png")
    parser.add_argument("--data", type=Path, help="folder with CT/ and MRI/ instead of phantoms")
    parser.add_argument("--names", nargs="+", default=[], help="pairs of it (default: four)")
    parser.add_argument("--peers", nargs="+", default=[], type=Path, metavar="DIR")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    args = parser.parse_args()
    if args.data and args.out.resolve().is_relative_to(ROOT):
        raise SystemExit("A sheet of patients' images must not lie in the repository.")
    torch.set_num_threads(1)
    installed = list_checkpoints()
    names = [n for n in args.methods if n != "default-lite" or n in installed]
    rows = list(data_rows(args.data, args.names) if args.data else phantom_rows())
    picture = sheet(rows, [load_named(name, "cpu") for name in names], args.peers)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(encode_png(picture))
    print(f"{args.out}: {len(rows)} rows, {picture.shape[1]} x {picture.shape[0]} pixels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
