"""Make docs/results.md of the CSV files in docs/measured.

The numbers come from ``benchmarks/claims.py``, ``benchmarks/training_minutes.py`` and
``python cli.py sweep``, whose results.csv becomes docs/measured/wavelets.csv; the words around
them stand here, so a table and what is said of it change together.

Run: python benchmarks/results.py
"""

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fusion_core.model import PRESETS, FusionNet

ROOT = Path(__file__).resolve().parent.parent
MEASURED, PAGE = ROOT / "docs" / "measured", ROOT / "docs" / "results.md"

Row = dict[str, str]
METRICS = {
    "SSIM_Avg": "up", "PSNR_Avg": "up", "Edge_Preservation": "up", "MI_Avg": "up", "SD": "up",
    "SCD": "up", "VIF": "up", "Qabf": "up", "Nabf": "down", "Qcv": "down",
}  # fmt: skip
PUBLISHED = {
    "SSIM_Avg": ("SSIM", 0.5841, 0.0693, ""),
    "PSNR_Avg": ("PSNR", 18.03, 2.15, " dB"),
    "Edge_Preservation": ("Edge preservation", 0.9201, 0.0245, ""),
    "MI_Avg": ("Mutual information", 1.7432, 0.1854, " bits"),
    "Entropy": ("Entropy", 5.3421, 0.8732, " bits"),
}
SHARES = {"LL": 45, "LH": 60, "HL": 40, "HH": 50}
CLOSE = 0.005
"""A smaller difference of two means puts neither method before the other."""
ASPECTS = (
    ("SSIM", "SSIM_Avg", (0.5841, 0.6123, 0.6072)),
    ("Edge preservation", "Edge_Preservation", (0.9201, 0.9469, 0.9521)),
)


def read(name: str, folder: Path = MEASURED) -> list[Row]:
    """Rows of a measured file; empty where it is not there."""
    path = folder / f"{name}.csv"
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def page(folder: Path = MEASURED) -> str:
    """The whole page, from the files of a folder."""
    methods = read("methods", folder)
    claims = {row["key"]: float(row["value"]) for row in read("claims", folder)}
    by_name = {row["method"]: row for row in methods}
    minutes = {row["method"]: float(row["minutes"]) for row in read("training", folder)}
    wavelets = read("wavelets", folder)
    parts = [
        _intro(methods),
        _methods(methods),
        (folder / "words.md").read_text(encoding="utf-8").strip(),
        _published(by_name, claims, minutes, wavelets),
        _aspects(by_name, minutes),
        _wavelets(wavelets),
        (folder / "speed.md").read_text(encoding="utf-8").strip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _intro(methods: Sequence[Row]) -> str:
    return f"""# Results

Made by `python benchmarks/results.py` from the files in [measured/](measured), which
`python benchmarks/claims.py DATA --run RUN` writes. DATA holds the {methods[0]["images"]} benchmark
pairs that the field's papers report (patients 16 and 21 of the Whole Brain Atlas, never trained
on) as `CT/` and `MRI/`; RUN is a training run of the preset `seed`."""


def _methods(methods: Sequence[Row]) -> str:
    best = {m: _best([float(row[m]) for row in methods], way) for m, way in METRICS.items()}
    arrows = {"up": "↑", "down": "↓"}
    head = ["method", *(f"{m} {arrows[way]}" for m, way in METRICS.items()), "values", "ms"]
    rows = []
    for row in methods:
        name = f"`{row['method']}`" if row["kind"] == "checkpoint" else f"rule `{row['method']}`"
        cells = [name]
        for m in METRICS:
            text = _short(float(row[m]))
            cells.append(f"**{text}**" if float(row[m]) == best[m] else text)
        cells += [f"{int(row['parameters']):,}" if row["parameters"] != "0" else "–"]
        cells += [f"{float(row['ms_per_pair']):.1f}"]
        rows.append(cells)
    note = (
        "Means over the pairs; ↑ more is better, ↓ less is better, the best is bold. *values*: "
        "trained parameters. *ms*: one 256 x 256 pair on one CPU thread, taken beside other work: "
        "good for comparing methods; *Speed* below is of a machine at rest."
    )
    return f"## Methods\n\n{_table(head, rows)}\n\n{note}"


def _published(
    by_name: Mapping[str, Row],
    claims: Mapping[str, float],
    minutes: Mapping[str, float],
    wavelets: Sequence[Row],
) -> str:
    seed = by_name["seed-haar"]
    rows = []
    for metric, (title, value, sd, unit) in PUBLISHED.items():
        ours, spread = float(seed[metric]), float(seed[f"{metric}_sd"])
        verdict = _inside(ours, value, sd)
        rows.append(
            [title, f"{value:g} ± {sd:g}{unit}", f"{_short(ours)} ± {_short(spread)}", verdict]
        )
    for band, share in SHARES.items():
        mask, energy, parts = (
            claims[f"ct_share_{band}_{d}"] for d in ("mask", "energy", "attribution")
        )
        rows.append(
            [
                f"CT's share of {band}", f"{share} %",
                f"{mask:.0f} % mean mask, {energy:.0f} % energy, {parts:.0f} % attribution",
                "confirmed" if abs(mask - share) <= 5 else "refuted",
            ]
        )  # fmt: skip
    ct, mri = claims["ll_energy_ct"], claims["ll_energy_mri"]
    rows.append(
        [
            "Energy in LL", "about 85 %",
            f"CT {ct:.1f} %, MRI {mri:.1f} % (mean removed: {claims['ll_energy_ct_centred']:.1f}, "
            f"{claims['ll_energy_mri_centred']:.1f} %)",
            "confirmed" if max(abs(ct - 85), abs(mri - 85)) <= 5 else "refuted: more",
        ]
    )  # fmt: skip
    low = claims["sharpness_LL"]
    high = [claims[f"sharpness_{b}"] for b in ("LH", "HL", "HH")]
    rows.append(
        [
            "Low-frequency masks smooth, high-frequency sharp", "claimed",
            f"sharpness LL {low:.2f}; LH, HL, HH {', '.join(f'{v:.2f}' for v in high)}",
            "confirmed" if min(high) > low + 0.02
            else "partly" if max(high) > low + 0.02 else "refuted",
        ]
    )  # fmt: skip
    bone, tissue = claims["ll_mask_bone"], claims["ll_mask_tissue"]
    rows.append(
        [
            "LL favours CT in bone, MRI in soft tissue", "claimed",
            f"CT's LL mask: {bone:.0f} % in bone, {tissue:.0f} % in soft tissue",
            "confirmed" if bone > 50 > tissue else "refuted",
        ]
    )  # fmt: skip
    changes = {int(k.rsplit("_", 1)[1]): v for k, v in claims.items() if k.startswith("mask_cha")}
    after = [v for epoch, v in changes.items() if epoch >= 30]
    rows.append(
        [
            "Masks stable after 30 epochs", "claimed",
            "mean change per epoch: "
            + ", ".join(f"{v:.4f} at {epoch}" for epoch, v in sorted(changes.items())),
            "confirmed (below 0.002)" if after and max(after) < 0.002 else "refuted",
        ]
    )  # fmt: skip
    rows += [
        ["Parameters", "~2M", f"{claims['parameters_seed']:,.0f} by its own layers", "refuted"],
        [
            "Training time", "~2 hours, RTX 3080",
            f"{claims['training_minutes']:.1f} min for {claims['training_epochs']:.0f} epochs on "
            f"one thread of a busy CPU, {minutes['seed-haar']:.1f} min of processor time",
            "refuted: far less is needed",
        ],
        [
            "Inference time", "~30 ms, GPU",
            f"{claims['inference_ms']:.1f} ms, one CPU thread",
            "confirmed" if claims["inference_ms"] > 20 else "refuted: less",
        ],
    ]  # fmt: skip
    rows += [*_orders(by_name, minutes), *_simplest(wavelets)]
    head = ["claim", "published", "`seed-haar`, measured", "verdict"]
    wide = FusionNet(PRESETS["seed-2m"])
    return f"""## The published claims

The description does not say which images its numbers are of. A metric counts as confirmed where
our mean lies within its standard deviation, a share within five points by the mean mask, masks as
stable where they change by less than 0.002 an epoch on average. Energies are the mean over images
of each image's share; pooled over all images they are the same to a tenth of a point.

{_table(head, rows)}

The text says about two million values, but the layers it prints have 6,100; `seed-2m` widens them
to {wide.parameter_count:,}. No weights of it are here: it was not trained, for want of a GPU;
*Speed* below has the time of a step."""


def _orders(by_name: Mapping[str, Row], minutes: Mapping[str, float]) -> list[list[str]]:
    """What the published table says of one method against another."""
    rows = []
    for title, metric, (trainable, traditional, resnet) in ASPECTS:
        for name, other, value in (
            ("traditional", "wavelet-max", traditional), ("ResNet", "resnet", resnet),
        ):  # fmt: skip
            ours, theirs = (float(by_name[n][metric]) for n in ("seed-haar", other))
            rows.append(
                [f"{title}: trainable below {name}", f"{trainable} < {value}",
                 f"{_short(ours)} against {_short(theirs)} of `{other}`",
                 "neither: equal" if abs(ours - theirs) < CLOSE
                 else "confirmed" if ours < theirs else "refuted"]
            )  # fmt: skip
    times = minutes["resnet"] / minutes["default-lite"]
    rows.append(
        ["ResNet trains three times as long", "6 h against 2 h",
         f"{times:.1f} times as long as `default-lite`, with the same data, loss and epochs",
         "confirmed" if 2 <= times <= 4 else "refuted"]
    )  # fmt: skip
    return rows


def _simplest(wavelets: Sequence[Row]) -> list[list[str]]:
    """The choice of haar against the other wavelets that the description names."""
    found = {row["wavelet"]: float(row["Qabf_mean"]) for row in wavelets if row["Qabf_mean"]}
    if "haar" not in found:
        return []
    least, most = min(found.values()), max(found.values())
    return [
        ["Haar: simple and effective", "other wavelets named, none measured",
         f"Qabf {found['haar']:.3f}; {least:.3f} to {most:.3f} with {len(found)} wavelets",
         "confirmed" if found["haar"] > most - 0.01 else "refuted"]
    ]  # fmt: skip


def _aspects(by_name: Mapping[str, Row], minutes: Mapping[str, float]) -> str:
    ours = ("seed-haar", "default", "wavelet-max", "resnet")
    if not set(ours) <= set(by_name):
        return ""
    rows = []
    for title, metric, published in ASPECTS:
        said = " / ".join(f"{v:.4f}" for v in published)
        rows.append([title, said, *(_short(float(by_name[n][metric])) for n in ours)])
    rows += [
        [metric, "–", *(_short(float(by_name[n][metric])) for n in ours)]
        for metric in ("SCD", "Qabf", "Nabf")
    ]
    times = (f"{minutes[n]:.1f} min" if n in minutes else "–" for n in ours)
    rows += [
        ["Training", "2 h / – / 6 h", *times],
        [
            "Inference, one CPU thread", "–",
            *(f"{float(by_name[n]['ms_per_pair']):.1f} ms" for n in ours),
        ],
        ["Trained values", "~2M / 0 / –", *(f"{int(by_name[n]['parameters']):,}" for n in ours)],
        [
            "Interpretability", "high / high / low",
            "exact: four masks, every pixel splits", "exact: eight masks, every pixel splits",
            "exact: one rule", "none: a decoder paints the image",
        ],
    ]  # fmt: skip
    head = [
        "aspect", "published: trainable / traditional / ResNet", "`seed-haar`", "`default`",
        "rule `wavelet-max`", "`resnet`",
    ]  # fmt: skip
    return f"""## Trainable wavelet, traditional wavelet, residual network

{_table(head, rows)}

*Training*: minutes of processor time on one CPU thread for the checkpoint's epochs, from a few
measured ones with their validation loss: `python benchmarks/training_minutes.py DATA`."""


def _wavelets(rows: Sequence[Row]) -> str:
    done = [row for row in rows if int(row["runs_done"])]
    if not done:
        return ""
    shown = ["SSIM_Avg", "Edge_Preservation", "SCD", "VIF", "Qabf", "Nabf"]
    arrows = {"up": "↑", "down": "↓"}
    head = ["wavelet", "seeds", "loss ↓", *(f"{m} {arrows[METRICS[m]]}" for m in shown)]
    table = [
        [f"`{row['wavelet']}`", row["runs_done"], *(_spread(row, m) for m in ("loss", *shown))]
        for row in done
    ]
    return f"""## Wavelets compared

{_table(head, table)}

The nine wavelets that the description names, each with the published loss and schedule on one level
(preset `seed`: 50 epochs of 256 x 256), trained on patients 2, 20, 32, 33 and 34. Scores are of
patient 41 (20 pairs), which also chose each run's epoch; *loss* is its validation loss; mean ± sd
over seeds. The checkpoints `seed-*` are those of seed 0. `haar` and `db1` are the same filters, so
their rows show that a training repeats. One patient cannot tell differences of a few thousandths
from chance; longer filters raise artefacts (Nabf) without gaining edges.

```sh
python cli.py sweep DATA --out SWEEP --preset seed --held-out 41 --threads 1 --seeds 0 1 2 \\
  --wavelets haar db1 db2 db4 db8 bior2.2 bior4.4 coif2 coif4
```"""


def _spread(row: Row, value: str) -> str:
    mean, sd = row[f"{value}_mean"], row[f"{value}_sd"]
    return f"{float(mean):.4f}" + (f" ± {float(sd):.4f}" if sd else "")


def _inside(ours: float, value: float, sd: float) -> str:
    if abs(ours - value) <= sd:
        return "confirmed"
    return "refuted: higher" if ours > value else "refuted: lower"


def _best(values: Sequence[float], way: str) -> float:
    return max(values) if way == "up" else min(values)


def _short(value: float) -> str:
    return f"{value:.4g}" if abs(value) >= 0.001 else f"{value:.5f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
