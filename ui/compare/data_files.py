"""A comparison to take home: the files that the shell writes, one by one or in a zip."""

import io
import re
import zipfile
from functools import partial

import streamlit as st

from pipelines.compare import Comparison
from pipelines.compare_job import CompareJob
from pipelines.compare_report import comparison_files

TITLES = {
    "scores.csv": ("Scores of every image (CSV)", "text/csv"),
    "summary.csv": ("Means and spread (CSV)", "text/csv"),
    "differences.csv": ("Differences and tests (CSV)", "text/csv"),
    "comparison.json": ("Everything (JSON)", "application/json"),
    "comparison.md": ("Report (Markdown)", "text/markdown"),
    "comparison.tex": ("Table for a paper (LaTeX)", "text/x-tex"),
    "distributions.svg": ("Distributions (SVG)", "image/svg+xml"),
    "differences.svg": ("Differences (SVG)", "image/svg+xml"),
    "pareto.svg": ("Trade-off of Qabf and SSIM (SVG)", "image/svg+xml"),
}


def export_menu(job: CompareJob, found: Comparison) -> None:
    """The Export button with its menu; nothing is drawn before the click on an entry."""
    front = stem(job)
    with st.popover("Export", icon=":material/download:", width="content"):
        st.caption("The same files as `python cli.py compare` writes.")
        st.download_button(
            "All files (ZIP)", lambda: zipped(job.name, found), f"{front}_compared.zip",
            "application/zip", key="data-get-zip", on_click="ignore", width="stretch",
            icon=":material/folder_zip:",
        )  # fmt: skip
        for name in offered(found):
            title, mime = TITLES[name]
            st.download_button(
                title, partial(_one, job.name, found, name), f"{front}_{name}", mime,
                key=f"data-get-{name}", on_click="ignore", width="stretch",
            )  # fmt: skip


def offered(found: Comparison) -> list[str]:
    """Names of the files that a comparison makes: of one entry there are no differences."""
    lone = {"differences.svg", "pareto.svg"}
    return [name for name in TITLES if found.others or name not in lone]


def stem(job: CompareJob) -> str:
    """A file name from the title of the data: letters, digits, dot, dash, underscore."""
    return re.sub(r"[^\w.-]+", "_", job.task.title).strip("._") or "data"


@st.cache_data(show_spinner=False, max_entries=4)
def _files(name: str, _found: Comparison) -> dict[str, str | bytes]:
    return comparison_files(_found)


def files(name: str, found: Comparison) -> dict[str, str | bytes]:
    """File name -> content.

    Args:
        name: of the job, which is never used again.
        found: its result.
    """
    return _files(name, found)


def _one(job: str, found: Comparison, name: str) -> str | bytes:
    return files(job, found)[name]


def zipped(name: str, found: Comparison) -> bytes:
    """All files in one zip; equal content gives equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files(name, found).items():
            archive.writestr(zipfile.ZipInfo(file, (1980, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()
