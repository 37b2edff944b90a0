"""Worst cases: images where one entry loses most to another, as thumbnails that open the pair."""

from base64 import b64encode
from dataclasses import dataclass, replace
from html import escape

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fusion_core.metrics import METRICS
from imaging.errors import InputError
from imaging.grid import match_grid
from imaging.image import Image
from imaging.pairs import Pair, find_pairs
from imaging.read import read_image
from imaging.windowing import apply_window, default_window
from imaging.write import encode_png
from pipelines.compare import Comparison, Entry
from pipelines.compare_job import CompareJob
from pipelines.evaluate import fused_files
from pipelines.fuse import fuse_pair, to_8bit
from ui import session
from ui.compare import outside, state
from ui.guard import explain
from ui.quality import number

COUNT = 6
SIDE = 220
"""Longest side of a thumbnail in pixels."""

_CSS = """<style>
.twf-worst {display: grid; grid-template-columns: repeat(4, 1fr); gap: .4rem;}
.twf-worst figure {margin: 0; min-width: 0;}
.twf-worst img {width: 100%; display: block; border-radius: 4px; background: #000;}
.twf-worst figcaption {font-size: .8rem; padding-top: .15rem; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap;}
</style>"""


@dataclass(frozen=True)
class Loss:
    """An image where one entry does worse than another.

    Attributes:
        image: its name.
        value, other: the metric of the one and of the other.
    """

    image: str
    value: float
    other: float


def losses(found: Comparison, name: str, other: str, metric: str) -> list[Loss]:
    """Images where ``name`` loses most to ``other``, the worst first."""
    turned = replace(found, reference=other)
    return [
        Loss(image, found.scores[name][image][metric], found.scores[other][image][metric])
        for image, _ in turned.worst(name, metric, COUNT)
    ]


def gallery(job: CompareJob, found: Comparison, name: str, other: str, metric: str) -> None:
    """Draw the worst images, each with CT, MRI and both fused images."""
    worst = losses(found, name, other, metric)
    if not worst:
        st.info(
            f"On no image does {found.titles[name]} lose to {found.titles[other]} in "
            f"{METRICS[metric].title.lower()}.",
            icon=":material/info:",
        )
        return
    pairs = {pair.name: pair for pair in find_pairs(job.task.data).pairs}
    st.html(_CSS)
    for start in range(0, len(worst), 2):
        with st.container(key=f"stack-worst-{start}"):
            columns = st.columns(2, gap="medium")
        for column, loss in zip(columns, worst[start : start + 2], strict=False):
            with column:
                _card(job, pairs.get(loss.image), loss, (name, other), metric)


def _card(
    job: CompareJob, pair: Pair | None, loss: Loss, names: tuple[str, str], metric: str
) -> None:
    unit = METRICS[metric].unit
    lost = number(abs(loss.value - loss.other), unit)
    line = f"{number(loss.value, unit)} against {number(loss.other, unit)}, {lost} worse"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(f"<div><b>{escape(loss.image)}</b> <small>{escape(line)}</small></div>")
        keys = [job.task.keys.get(name, "") for name in names]
        if pair is not None and all(keys):
            st.button(
                "Open pair", icon=":material/open_in_full:", key=f"data-open-{loss.image}",
                type="tertiary", on_click=open_pair, args=(pair, keys),
                help="This pair with both methods in the one-pair view.",
            )  # fmt: skip
    if pair is None:
        st.caption(f"The images of {loss.image} are not in the folder any more.")
        return
    try:
        st.html(_thumbs(job, pair, names))
    except Exception as error:
        st.caption(explain(error))


def open_pair(pair: Pair, keys: list[str]) -> None:
    """Show a pair with two entries in the one-pair view; a button's callback."""
    ct, mri = (session.read_upload(p.read_bytes(), p.name) for p in (pair.ct, pair.mri))
    session.show_pair(ct, mri)
    session.update(waiting={"ct": ct, "mri": mri})
    state.compare(keys, reference=keys[1])


def _thumbs(job: CompareJob, pair: Pair, names: tuple[str, str]) -> str:
    by_name = {entry.name: entry for entry in job.task.entries}
    shown = [("CT", _picture(job.name, pair.name, "ct", job, None)),
             ("MRI", _picture(job.name, pair.name, "mri", job, None))]  # fmt: skip
    for name in names:
        entry = by_name[name]
        shown.append((entry.title, _picture(job.name, pair.name, f"entry {name}", job, entry)))
    colours = ("twf-ct", "twf-mri", "", "")
    figures = "".join(
        f"<figure><img alt='{escape(title)} of {escape(pair.name)}' "
        f"src='data:image/png;base64,{data}'>"
        f"<figcaption class='{colour}' title='{escape(title)}'>{escape(title)}</figcaption>"
        "</figure>"
        for (title, data), colour in zip(shown, colours, strict=True)
    )
    return f"<div class='twf-worst'>{figures}</div>"


@st.cache_data(show_spinner=False, max_entries=256)
def _picture(job: str, pair: str, what: str, _job: CompareJob, _entry: Entry | None) -> str:
    """A thumbnail as base64; the job's name and the pair's tell which, once and for all."""
    found = next((p for p in find_pairs(_job.task.data).pairs if p.name == pair), None)
    if found is None:
        raise InputError(f"The images of {pair} are not in the folder any more.")
    ct, mri = read_image(found.ct), read_image(found.mri)
    if _entry is not None:
        return _encoded(fused_image(_entry, found, ct, mri))
    image = ct if what == "ct" else match_grid(ct, mri)[0]
    return _encoded(to_8bit(apply_window(image, default_window(image))))


def fused_image(entry: Entry, pair: Pair, ct: Image, mri: Image) -> NDArray[np.uint8]:
    """What an entry makes of a pair, (H, W).

    Raises:
        InputError, MethodError: it cannot, or its file is gone.
    """
    if entry.method is not None:
        return fuse_pair(ct, mri, entry.method).fused8
    assert entry.folder is not None
    path = fused_files(entry.folder).get(pair.name)
    if path is None:
        raise InputError(f"The image of {entry.title} for {pair.name} is gone.")
    made = outside.Outside(entry.title, {pair.name: path.read_bytes}, single=False)
    return outside.image_for(made, pair.name, ct.shape)[0]


def _encoded(image: NDArray[np.uint8]) -> str:
    rows, columns = image.shape
    scale = min(1.0, SIDE / max(rows, columns))
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    small = image if scale == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return b64encode(encode_png(np.asarray(small, dtype=np.uint8))).decode()
