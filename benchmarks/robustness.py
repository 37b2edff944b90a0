"""What must still be seen, and what fusion bears: noise, blur, bias, shifts, windows, sizes.

Synthetic heads are always measured; with a folder of pairs, two pairs of each of its patients are
too. A disturbed pair is scored against the undisturbed one, so that keeping noise earns nothing;
other windows, sizes and sequences are scored against themselves. Images fused elsewhere exist of
undisturbed pairs only: folders of them give the zero point and no curve.

Run: python benchmarks/robustness.py [DATA] [--methods ...] [--outside DIR ...] [--out docs]
     python benchmarks/robustness.py --page                    # page and figure of the last run
"""

import argparse
import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.robustness_page import COLUMNS, METRICS, curves, page, read
from fusion_core.checkpoint import list_checkpoints
from fusion_core.clinical import HEALTHY, sight, surroundings
from fusion_core.metrics import evaluate
from fusion_core.phantom import HeadConfig, Tissue, lesion_sites, render_slice
from fusion_core.phantom import labels as tissue_labels
from fusion_core.phantom.render import render_mr
from imaging.pairs import Pair, find_pairs
from imaging.patients import patients_of
from imaging.read import read_image
from imaging.windowing import apply_window, default_window
from pipelines.clinical import FIRST_HEAD, MR_SEQUENCES, check_methods, csv_text, summarise
from pipelines.evaluate import fused_files
from pipelines.fuse import to_8bit
from pipelines.methods import Method, load_named

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("default", "default-lite", "findings", "seed-haar", "mean", "max", "wavelet-max")
CHECKED = "fitted-gates"
"""In the clinical checks besides: with its seconds for each image the curves would take an hour."""
HEADS, FEW, PER_PATIENT = 6, 3, 2
SIDE = 256
SEQUENCES: dict[str, tuple[str, float | None, float | None]] = {
    "T1": ("T1", None, None), "T1, TR 800": ("T1", None, 800.0), "T2": ("T2", None, None),
    "T2, TE 60": ("T2", 60.0, None), "FLAIR": ("FLAIR", None, None), "PD": ("PD", None, None),
}  # fmt: skip
"""Name, sequence, TE and TR in ms where they are not the usual ones."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Sample:
    """A pair in [0, 1]; the bleed and its surroundings where they are known."""

    name: str
    ct: Floats
    mri: Floats
    bleed: NDArray[np.bool_] | None = None
    around: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Given:
    """What a method is given, and what its result is held against."""

    disturbance: str
    strength: str
    given: Sample
    truth: Sample


def noise(sample: Sample, percent: float) -> Sample:
    """Gaussian noise in both images; its standard deviation in percent of white."""
    seed = int.from_bytes(sample.name.encode()[-4:])
    added = np.random.default_rng(seed).normal(0, percent / 100, (2, *sample.ct.shape))
    ct, mri = np.clip(np.stack((sample.ct, sample.mri)) + added, 0, 1).astype(np.float32)
    return replace(sample, ct=ct, mri=mri)


def blur(sample: Sample, sigma: float) -> Sample:
    """Both images blurred by a Gaussian; sigma in pixels."""
    ct, mri = (cv2.GaussianBlur(image, (0, 0), sigma) for image in (sample.ct, sample.mri))
    return replace(sample, ct=ct.astype(np.float32), mri=mri.astype(np.float32))


def bias(sample: Sample, percent: float) -> Sample:
    """The MRI brighter towards one corner and darker towards the other, by so many percent."""
    rows, columns = np.mgrid[-1 : 1 : sample.mri.shape[0] * 1j, -1 : 1 : sample.mri.shape[1] * 1j]
    field = 1 + percent / 100 * (rows + columns) / 2
    return replace(sample, mri=np.clip(sample.mri * field, 0, 1).astype(np.float32))


def shift(sample: Sample, pixels: float) -> Sample:
    """The MRI moved to the right; black comes in at the left."""
    matrix = np.array([[1, 0, pixels], [0, 1, 0]], np.float32)
    moved = cv2.warpAffine(sample.mri, matrix, sample.mri.shape[::-1])
    return replace(sample, mri=np.asarray(moved, np.float32))


def resize(sample: Sample, side: float) -> Sample:
    """The same field of view on another number of pixels."""

    size = (int(side), int(side))
    how = cv2.INTER_AREA if side < sample.ct.shape[0] else cv2.INTER_CUBIC
    ct, mri = (
        np.clip(cv2.resize(image, size, interpolation=how), 0, 1).astype(np.float32)
        for image in (sample.ct, sample.mri)
    )
    bleed, around = (
        None
        if mask is None
        else cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
        for mask in (sample.bleed, sample.around)
    )
    return Sample(sample.name, ct, mri, bleed, around)


DISTURBANCES: dict[str, tuple[Callable[[Sample, float], Sample], tuple[float, ...]]] = {
    "noise": (noise, (2, 5, 10)),
    "blur": (blur, (0.5, 1, 2)),
    "bias": (bias, (10, 20, 40)),
    "shift": (shift, (1, 2, 3)),
}


def disturbed(samples: Sequence[Sample]) -> Iterator[Given]:
    """Every sample as it is, disturbed in each way, and the first few in other sizes."""
    for sample in samples:
        yield Given("none", "0", sample, sample)
        for name, (apply, strengths) in DISTURBANCES.items():
            for strength in strengths:
                yield Given(name, f"{strength:g}", apply(sample, strength), sample)
    for sample in samples[:FEW]:
        for side in (128, SIDE, 512, 1024):
            resized = sample if side == SIDE else resize(sample, side)
            yield Given("size", str(side), resized, resized)


def phantoms() -> tuple[list[Sample], list[Given]]:
    """A slice through the bleed of each head; windows and sequences of the first few."""
    samples, others = [], []
    for number in range(HEADS):
        config = HeadConfig(seed=FIRST_HEAD + number)
        (z_mm,) = (s.centre[2] for s in lesion_sites(config) if s.kind == "bleed")
        picture = render_slice(config, z_mm, MR_SEQUENCES[number % len(MR_SEQUENCES)])
        bleed = picture.labels == Tissue.BLEED
        around = surroundings(bleed, np.isin(picture.labels, HEALTHY), picture.spacing_mm)
        name = f"head {config.seed}"
        samples.append(Sample(name, picture.ct01, picture.mr01, bleed, around))
        if number >= FEW:
            continue
        head = np.maximum(picture.ct01, picture.mr01) > 0
        for width in (80, 110, 200, 400):
            ct = np.clip((picture.ct_hu - 40) / width + 0.5, 0, 1) * head
            given = replace(samples[-1], ct=ct.astype(np.float32))
            others.append(Given("window", str(width), given, given))
        fine = tissue_labels(config, z_mm, config.oversample)
        for title, (sequence, te, tr) in SEQUENCES.items():
            mr = render_mr(fine, config, sequence, te, tr, z_mm=z_mm) * head
            given = replace(samples[-1], mri=np.clip(mr / np.percentile(mr[head], 99.5), 0, 1))
            others.append(Given("sequence", title, given, given))
    return samples, others


def atlas(folder: Path) -> list[Sample]:
    """Two pairs of each patient of a folder, a third and two thirds through its slices."""
    pairs = find_pairs(folder).pairs
    patients, _ = patients_of([pair.name for pair in pairs])
    chosen: list[Pair] = []
    for patient in dict.fromkeys(patients):
        own = [pair for pair, of in zip(pairs, patients, strict=True) if of == patient]
        chosen += [own[len(own) * k // (PER_PATIENT + 1)] for k in range(1, PER_PATIENT + 1)]
    found = []
    for pair in chosen:
        ct, mri = read_image(pair.ct), read_image(pair.mri)
        ct01, mri01 = (apply_window(image, default_window(image)) for image in (ct, mri))
        found.append(Sample(pair.name, ct01, mri01))
    return found


def scored(fused: NDArray[np.uint8], truth: Sample) -> dict[str, float]:
    """The metrics of a fused image, and the share of the CT's bleed that it keeps."""
    names = [name for name in METRICS if name != "bleed"]
    values = evaluate(fused, truth.ct, truth.mri, names).values
    if truth.bleed is not None and truth.around is not None:
        picture = fused / np.float32(255)
        found = sight(picture, truth.ct, truth.mri, truth.bleed, truth.around)
        values["bleed"] = found.contrast_kept("CT")
    return values


def rows_of(
    data: str, given: Sequence[Given], methods: Sequence[Method], outside: Sequence[Path]
) -> Iterator[dict[str, str]]:
    """A row per disturbance, strength and method: means over the pairs."""
    found: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    for item in given:
        for method in methods:
            fused = to_8bit(method.fuse(item.given.ct, item.given.mri).fused[0, 0].numpy())
            key = (item.disturbance, item.strength, method.name)
            found.setdefault(key, []).append(scored(fused, item.truth))
    for folder in outside:
        files = fused_files(folder)
        for item in (i for i in given if i.disturbance == "none" and i.given.name in files):
            picture = to_8bit(apply_window(read_image(files[item.given.name]), None))
            key = ("none", "0", folder.name)
            found.setdefault(key, []).append(scored(picture, item.truth))
    for (disturbance, strength, name), values in found.items():
        means = {m: f"{fmean(v[m] for v in values):.4f}" for m in METRICS if m in values[0]}
        head = (data, disturbance, strength, name, str(len(values)))
        yield dict.fromkeys(COLUMNS, "") | dict(zip(COLUMNS, head, strict=False)) | means


def main() -> int:
    """Measure, write both files of docs/measured, the figure and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, help="folder with CT/ and MRI/")
    parser.add_argument("--methods", nargs="+", default=NAMES)
    parser.add_argument("--outside", nargs="+", default=[], type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page anew")
    args = parser.parse_args()
    table, checks = (args.out / "measured" / f"{n}.csv" for n in ("robustness", "clinical"))
    if not args.page:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        names = [n for n in args.methods if n != "default-lite" or n in list_checkpoints()]
        methods = [load_named(name, "cpu") for name in names]
        samples, others = phantoms()
        rows = list(rows_of("phantom", [*disturbed(samples), *others], methods, ()))
        if args.data:
            given = list(disturbed(atlas(args.data)))
            rows += rows_of("atlas", given, methods, args.outside)
        table.parent.mkdir(parents=True, exist_ok=True)
        checked = [*methods, load_named(CHECKED, "cpu")]
        found = summarise(list(check_methods(checked, HEADS)))
        checks.write_text(csv_text(found), encoding="utf-8")
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    rows = read(table)
    (args.out / "images").mkdir(exist_ok=True)
    (args.out / "images" / "robustness.svg").write_bytes(curves(rows))
    (args.out / "robustness.md").write_text(page(rows, read(checks)), encoding="utf-8")
    print(f"{table}: {len(rows)} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
