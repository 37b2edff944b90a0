"""What the program is and is not, on one page: method, data, limits, how to cite, what runs it."""

import os
import platform
import re
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import streamlit as st
import torch

from fusion_core import __version__
from pipelines.methods import choose_device
from ui import theme
from ui.about_texts import (
    ATLAS,
    DATA,
    IDENTITY,
    IS_NOT,
    LIMITS,
    PARTS,
    PRIVACY,
    REFERENCES,
    STEPS,
    WHAT,
)
from ui.colours import GRID, MUTED, PANEL

CITATION = Path(__file__).resolve().parent.parent / "CITATION.cff"

_STYLE = f"""<style>
.twf-lead {{font-size: 1.12rem; max-width: 74ch; margin: .2rem 0 1rem; line-height: 1.5;}}
.twf-steps {{display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr));
  gap: .8rem; margin-bottom: .9rem;}}
.twf-steps div {{background: {PANEL}; border: 1px solid {GRID}; border-radius: 8px;
  padding: .8rem 1rem; border-top: 3px solid #3c6f6d;}}
.twf-steps b {{display: block; font-size: 1rem;}}
.twf-steps code {{display: block; color: #8fd6d3; background: none; padding: .25rem 0 .4rem;
  font-size: .86rem; white-space: nowrap;}}
.twf-steps p {{margin: 0; color: {MUTED}; font-size: .9rem; line-height: 1.45;}}
.twf-refs td:first-child {{color: {MUTED}; width: 15rem;}}
.twf-refs a {{color: #8fd6d3; white-space: nowrap;}}
</style>"""


def about() -> None:
    """The page: what it does first, then limits and data, then citing, versions and references."""
    steps = "".join(
        f"<div><b>{number}. {escape(name)}</b><code>{escape(formula)}</code>"
        f"<p>{escape(text)}</p></div>"
        for number, (name, formula, text) in enumerate(STEPS, 1)
    )
    st.html(f"{_STYLE}<p class='twf-lead'>{WHAT}</p><div class='twf-steps'>{steps}</div>")
    st.html(f"<div class='twf-reading'><p>{IDENTITY}</p></div>")
    left, right = st.columns(2, gap="large")
    with left:
        theme.section("What it is not")
        st.markdown(IS_NOT)
        theme.section("Limits")
        st.markdown(LIMITS)
    with right:
        theme.section("Data")
        st.markdown(DATA)
        theme.section("Your images")
        st.markdown(PRIVACY)
    cite, machine = st.columns(2, gap="large")
    with cite:
        theme.section("How to cite", "BibTeX; the button at its corner copies it.")
        st.code(bibtex(CITATION.read_text(encoding="utf-8")), language=None, wrap_lines=True)
        st.caption(f"Who shows the atlas, or uses weights trained on it, also cites: {ATLAS}")
    with machine:
        theme.section("This installation")
        st.html(facts_html(installation()))
    theme.section(
        "What it is built on",
        "The program itself is under the MIT licence; each part keeps its own.",
    )
    st.html(parts_html())
    theme.section("References")
    st.html(references_html())


def installation() -> dict[str, str]:
    """The versions and the device that computes, in plain words."""
    device = choose_device("auto")
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return {
        "Program": __version__,
        "Computes on": f"GPU (CUDA): {gpu}"
        if gpu
        else f"CPU, {torch.get_num_threads()} of {os.cpu_count()} threads",
        "Python": platform.python_version(),
        "System": f"{platform.system()} {platform.machine()}",
    }


def installed(name: str) -> str:
    """The version of a package, or that it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def bibtex(citation: str) -> str:
    """A BibTeX entry from the text of CITATION.cff.

    Args:
        citation: its plain ``key: value`` lines; authors are ``- name: ...`` lines.
    """
    found = dict(re.findall(r'^([a-z-]+):[ \t]*"?([^"\n]+?)"?[ \t]*$', citation, re.MULTILINE))
    authors = re.findall(r"^\s+- name:\s*(.+?)\s*$", citation, re.MULTILINE)
    year = found["date-released"][:4]
    key = re.sub(r"[^a-z]+", "", found["title"].lower()) + year
    fields = {
        "title": "{" + found["title"] + "}",
        # Doubled braces keep BibTeX from taking a group's name apart.
        "author": "{" + " and ".join("{" + author + "}" for author in authors) + "}",
        "year": "{" + year + "}",
        "version": "{" + found["version"] + "}",
        "note": "{Software, " + found["license"] + " licence. " + found["abstract"] + "}",
    }
    lines = ",\n".join(f"  {name:<7} = {value}" for name, value in fields.items())
    return f"@software{{{key},\n{lines}\n}}"


def facts_html(facts: dict[str, str]) -> str:
    """Two columns: a name and a fact."""
    rows = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in facts.items())
    return f"<table class='twf'>{rows}</table>"


def parts_html() -> str:
    """The packages with what they do here, their versions and licences."""
    head = "<tr><th>Package</th><th>For</th><th>Version</th><th>Licence</th></tr>"
    rows = [
        f"<tr><td>{escape(p.name)}</td><td>{escape(p.role)}</td>"
        f"<td>{escape(installed(p.name))}</td><td>{escape(p.licence)}</td></tr>"
        for p in PARTS
    ]
    return f"<div class='twf-scroll'><table class='twf'>{head}{''.join(rows)}</table></div>"


def references_html() -> str:
    """The papers, each with its DOI as a link."""
    rows = "".join(
        f"<tr><td>{escape(r.about)}</td><td>{escape(r.text)}. "
        f"<a href='https://doi.org/{escape(r.doi)}' target='_blank' rel='noreferrer'>"
        f"doi:{escape(r.doi)}</a></td></tr>"
        for r in REFERENCES
    )
    return f"<table class='twf twf-refs'>{rows}</table>"
