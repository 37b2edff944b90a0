"""What a data set holds, on one screen: counts, split, what was left out, and a look at it."""

import base64
from html import escape

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imaging.write import encode_png
from trainer.data import NEAR_DUPLICATE, CTMRIDataset, DataReport, notes_on_pairs

THUMBNAIL = 72
_SHOWN = 12
_LISTED = 6


def show(data: CTMRIDataset) -> None:
    """Draw the report of a data set."""
    report = data.report
    st.html(tiles(counts(report)))
    st.html(split_bar(report))
    for kind, sentence in findings(report, data.config.size, data.origin["kind"] == "phantom"):
        st.html(f"<div class='twf-find twf-find-{kind}'>{escape(sentence)}</div>")
    st.html(contact_sheet(data))
    with st.expander("Patients, files and notes"):
        st.html(details(report))


def counts(report: DataReport) -> list[tuple[str, str]]:
    """The headline numbers: title and value."""
    sizes = ", ".join(report.sizes) if len(report.sizes) < 3 else f"{len(report.sizes)} sizes"
    return [
        ("Pairs", f"{report.pairs}"),
        ("Patients", f"{len(report.patients)}"),
        ("Pixels", sizes.replace(" x ", " × ")),
        ("Left out", f"{len(report.unpaired) + len(report.skipped)}"),
    ]


def tiles(values: list[tuple[str, str]]) -> str:
    """Small panels with a title and a value each."""
    cells = "".join(
        f"<div><span class='q'>{escape(title)}</span><b>{escape(value)}</b></div>"
        for title, value in values
    )
    return f"<div class='twf-sum twf-tiles'>{cells}</div>"


def split_bar(report: DataReport) -> str:
    """Training and validation pairs as one bar, with the patients of each."""
    total = max(1, report.train + report.val)
    share = 100 * report.train / total
    return (
        "<div class='twf-split' role='img' aria-label='Split by patient: "
        f"{report.train} training and {report.val} validation pairs'>"
        f"<i style='width:{share:.1f}%'></i></div><div class='twf-split-text'>"
        f"<span><b>{report.train}</b> to train on, {_people(report.train_patients)}</span>"
        f"<span><b>{report.val}</b> to validate, {_people(report.val_patients)}</span></div>"
    )


def findings(
    report: DataReport, side: int | None, synthetic: bool = False
) -> list[tuple[str, str]]:
    """What a careful reader should know before training: ("good" | "warn", sentence).

    Args:
        report: of the data set.
        side: what images are brought to, pixels.
        synthetic: whether they are synthetic heads, which cannot be one patient under two names.
    """
    found: list[tuple[str, str]] = []
    largest = max(int(number) for size in report.sizes for number in size.split(" x "))
    if side is not None and largest < side:
        found.append(
            (
                "warn",
                f"All images are enlarged to {side} pixels: an image size of {largest} shows the "
                "same detail and trains faster.",
            )
        )
    if not report.val:
        found.append(("warn", next((n for n in report.notes if "no validation" in n), "")))
    if report.near_duplicates:
        one, two, alike = report.near_duplicates[0]
        found.append(
            (
                "warn",
                f"{len(report.near_duplicates)} near-duplicates stand across the split, most alike "
                f"{one} (training) and {two} (validation), correlation {alike:.3f}: validation may "
                "flatter. "
                + (
                    "Synthetic heads are more alike than patients: judge a model by real images."
                    if synthetic
                    else "Make sure that they are not one patient under two names."
                ),
            )
        )
    elif report.val:
        found.append(
            (
                "good",
                f"No near-duplicates across the split (correlation of thumbnails below "
                f"{NEAR_DUPLICATE:g}), and no patient on both sides.",
            )
        )
    if report.unpaired:
        found.append(("warn", f"Without a partner, left out: {_listed(report.unpaired)}."))
    found += [("warn", sentence) for sentence in notes_on_pairs(report.changes, {})]
    for name, why in list(report.skipped.items())[:_LISTED]:
        found.append(("warn", f"{name} is left out: {why}"))
    if (more := len(report.skipped) - _LISTED) > 0:
        found.append(("warn", f"{more} more pairs are left out; see the list below."))
    return [entry for entry in found if entry[1]]


def contact_sheet(data: CTMRIDataset) -> str:
    """A few pairs, evenly spaced, CT beside MRI, with name and side of the split."""
    count = min(_SHOWN, len(data))
    held = set(data.val)
    figures = []
    for index in np.unique(np.linspace(0, len(data) - 1, count).round().astype(int)):
        ct, mri = (image[0].numpy() for image in data[int(index)])
        png = base64.b64encode(encode_png(_pair(ct, mri))).decode()
        side = "val" if int(index) in held else "train"
        name = escape(data.names[int(index)])
        figures.append(
            f"<figure class='{side}'><img alt='CT and MRI of {name}' "
            f"src='data:image/png;base64,{png}'><figcaption title='{name}'><span>{name}</span>"
            f"<em>{'validation' if side == 'val' else 'training'}</em></figcaption></figure>"
        )
    return f"<div class='twf-pairs'>{''.join(figures)}</div>"


def details(report: DataReport) -> str:
    """Every patient with its side and count, and everything that was left out."""
    held = set(report.val_patients)
    rows = "".join(
        f"<tr><td>{escape(patient)}</td><td class='n'>{count}</td>"
        f"<td>{'validation' if patient in held else 'training'}</td></tr>"
        for patient, count in list(report.patients.items())[:400]
    )
    text = "".join(f"<p>{escape(note)}</p>" for note in report.notes)
    text += "".join(f"<p>{escape(n)}: {escape(why)}</p>" for n, why in report.skipped.items())
    text += "".join(
        f"<p>{escape(a)} (training) and {escape(b)} (validation): correlation {c:.3f}</p>"
        for a, b, c in report.near_duplicates[:50]
    )
    return (
        f"<div class='twf-details'>{text}<table class='twf'><tr><th>Patient</th>"
        f"<th class='n'>Pairs</th><th>Side</th></tr>{rows}</table>"
        f"<p><small>Fingerprint (SHA-256) {report.fingerprint[:16]}…</small></p></div>"
    )


def _pair(ct: NDArray[np.float32], mri: NDArray[np.float32]) -> NDArray[np.uint8]:
    both = np.hstack([_small(ct), np.zeros((THUMBNAIL, 2), np.float32), _small(mri)])
    picture: NDArray[np.uint8] = np.rint(both.clip(0, 1) * 255).astype(np.uint8)
    return picture


def _small(image: NDArray[np.float32]) -> NDArray[np.float32]:
    side = (THUMBNAIL, THUMBNAIL)
    return np.asarray(cv2.resize(image, side, interpolation=cv2.INTER_AREA), np.float32)


def _people(patients: tuple[str, ...]) -> str:
    return f"{len(patients)} patient{'s' * (len(patients) != 1)}"


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
