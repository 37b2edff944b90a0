"""Make docs/results.md of the CSV files in docs/measured.

The numbers come from ``benchmarks/claims.py`` and ``python cli.py sweep``; the words around them
stand here, so a table and what is said of it change together.

Run: python benchmarks/results.py
"""

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

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
    parts = [
        _intro(methods),
        _methods(methods),
        (folder / "words.md").read_text(encoding="utf-8").strip(),
        _published(by_name["seed-haar"], claims),
        _aspects(by_name, claims),
        _wavelets(read("wavelets", folder)),
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
        "trained parameters. *ms*: one 256 x 256 pair on one CPU thread."
    )
    return f"## Methods\n\n{_table(head, rows)}\n\n{note}"


def _published(seed: Row, claims: Mapping[str, float]) -> str:
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
            f"{claims['training_minutes']:.1f} min for {claims['training_epochs']:.0f} epochs, one "
            "thread of a busy CPU",
            "refuted: far less is needed",
        ],
        [
            "Inference time", "~30 ms, GPU",
            f"{claims['inference_ms']:.1f} ms, one CPU thread",
            "confirmed" if claims["inference_ms"] > 20 else "refuted: less",
        ],
    ]  # fmt: skip
    head = ["claim", "published", "`seed-haar`, measured", "verdict"]
    return f"""## The published claims

The description does not say which images its numbers are of. A metric counts as confirmed where
our mean lies within its standard deviation, a share within five points by the mean mask.

{_table(head, rows)}

The text says about two million values, but the layers it prints have 6,100; `seed-2m` widens them
to {claims["parameters_seed_2m"]:,.0f} so that the claim can be tested on a GPU."""


def _aspects(by_name: Mapping[str, Row], claims: Mapping[str, float]) -> str:
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
    times = {n: by_name[n].get("training_minutes", "") for n in ours}
    rows += [
        ["Training", "2 h / – / 6 h", *(_minutes(times[n], claims, n) for n in ours)],
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

{_table(head, rows)}"""


def _minutes(text: str, claims: Mapping[str, float], name: str) -> str:
    if name == "seed-haar":
        return f"{claims['training_minutes']:.1f} min"
    return f"{float(text):.1f} min" if text else "–"


def _wavelets(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    head = list(rows[0])
    return f"## Wavelets compared\n\n{_table(head, [list(row.values()) for row in rows])}"


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
