"""What a comparison has found: means, differences, distributions, a trade-off, worst cases."""

from collections.abc import Sequence

import streamlit as st

from fusion_core.metrics import METRICS
from pipelines.compare import Comparison
from pipelines.compare_job import CompareJob, Snapshot
from pipelines.compare_report import METHODS_NOTE
from pipelines.plots import pareto
from pipelines.rank import STANDARD_METRICS
from ui import theme
from ui.compare import data_figures as figures
from ui.compare import data_tables as tables
from ui.compare import state
from ui.compare.data_files import stem
from ui.compare.data_gallery import gallery
from ui.guard import guarded
from ui.training.state import kept, prepare


def results(job: CompareJob, seen: Snapshot, found: Comparison) -> None:
    """Draw everything; each part with controls redraws alone."""
    theme.notes([found.patient_note])
    theme.section(
        f"Means over {_images(found)}",
        "Mean ± standard deviation over images. ↑ higher is better, ↓ lower is better. The best "
        "mean of each column is marked; a mean says nothing about chance, the differences do.",
    )
    st.html(tables.means_html(found))
    if found.others:
        _differences(found)
    _distributions(found)
    if found.others:
        _tradeoff(job, found)
        _worst(job, found)
    told = [*found.dropped, *seen.notes]
    if told:
        with st.expander(f"What else is to be said about the images ({len(told)})"):
            for sentence in told[:200]:
                st.text(sentence)
            if len(told) > 200:
                st.caption(f"{len(told) - 200} more; all that was left out is in the JSON.")


def _images(found: Comparison) -> str:
    count = len(found.images)
    patients = len(found.patient_names)
    images = "1 image" if count == 1 else f"{count} images"
    return images + (f" of {patients} patient{'s' * (patients != 1)}" if patients else "")


@st.fragment
@guarded()
def _differences(found: Comparison) -> None:
    theme.section(
        f"Differences to {found.titles[found.reference]}",
        "Method less reference. What may be concluded is said in words above the table.",
    )
    name = _pick("data-against", "Method", found.others, found, found.others[0])
    theme.notes(tables.reading(found, name))
    st.html(tables.differences_html(found, name))
    st.caption(METHODS_NOTE)


@st.fragment
@guarded()
def _distributions(found: Comparison) -> None:
    theme.section(
        "Distributions",
        "A point is an image, the box holds the middle half, the line in it is the median and the "
        "dashed one the mean. Hover over a point for its name.",
    )
    metrics = list(found.summaries[found.reference])
    metric = _metric("data-spread", "Metric", metrics, "SSIM_Avg")
    chart = figures.distribution_figure(found, metric)
    theme.chart(chart, f"data-box-{metric}", f"Distribution of {METRICS[metric].title}")


@st.fragment
@guarded()
def _tradeoff(job: CompareJob, found: Comparison) -> None:
    theme.section(
        "Trade-off of two metrics",
        "Filled and joined by the dotted line: methods that no other one beats in both means at "
        "once. Metrics alone can mislead: the plain mean of two images wins some of them.",
    )
    able = directed(found)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = _metric("data-x", "Across", able, "Qabf")
        second = _metric("data-y", "Up", able, "SSIM_Avg")
        st.download_button(
            "This plot (SVG)", lambda: pareto(found, first, second),
            f"{stem(job)}_{first}_{second}.svg", "image/svg+xml", key="data-get-tradeoff",
            on_click="ignore", icon=":material/download:",
        )  # fmt: skip
    chart = figures.tradeoff_figure(found, first, second)
    label = f"{METRICS[first].title} against {METRICS[second].title}"
    theme.chart(chart, f"data-front-{first}-{second}", label)


@st.fragment
@guarded()
def _worst(job: CompareJob, found: Comparison) -> None:
    if state.view() != state.DATA_SET:
        st.rerun()  # a pair was opened, which turns the whole page to the other view
    theme.section(
        "Worst cases",
        "The images on which one method loses most to another: look at them before trusting a "
        "mean. Open puts the pair with both methods side by side.",
    )
    names = list(found.titles)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = _pick("data-loser", "Method", names, found, found.others[0])
        rest = [other for other in names if other != name]
        start = found.reference if found.reference in rest else rest[0]
        other = _pick("data-winner", "Loses to", rest, found, start)
        metric = _metric("data-worst", "In", directed(found), "Qabf")
    gallery(job, found, name, other, metric)


def directed(found: Comparison) -> list[str]:
    """The measured metrics that have a good direction, the standard ones first."""
    able = [m for m in found.summaries[found.reference] if METRICS[m].direction != "none"]
    return sorted(able, key=lambda m: m not in STANDARD_METRICS)


def _pick(key: str, label: str, names: Sequence[str], found: Comparison, start: str) -> str:
    prepare(key, start)
    if st.session_state[key] not in names:
        st.session_state[key] = start
    name = st.selectbox(label, names, key=key, format_func=found.titles.__getitem__, width=280)
    return str(kept(key, name))


def _metric(key: str, label: str, metrics: Sequence[str], start: str) -> str:
    first = start if start in metrics else metrics[0]
    prepare(key, first)
    if st.session_state[key] not in metrics:
        st.session_state[key] = first
    name = st.selectbox(
        label, metrics, key=key, format_func=lambda m: METRICS[m].title, width=280
    )  # fmt: skip
    return str(kept(key, name))
