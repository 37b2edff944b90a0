"""What the program is and is not, in a page that fits on one screen."""

import platform
from html import escape
from importlib.metadata import PackageNotFoundError, version

import streamlit as st

from fusion_core import __version__
from pipelines.methods import choose_device
from ui import theme

PACKAGES = ("torch", "PyWavelets", "pytorch-wavelets", "numpy", "scikit-image", "streamlit")

WHAT = """
A CT shows bone, calcification and fresh blood; an MRI shows soft tissue. This program puts both
into one grey image, **in the wavelet domain, with learned masks that anyone can inspect**:

1. Each image is split into subbands: a smooth one (LL) and, per level, horizontal (LH), vertical
   (HL) and diagonal (HH) detail.
2. A small network looks at them and gives every coefficient of every subband a weight between 0
   and 1, for the CT and for the MRI: the masks.
3. The weighted subbands are added and transformed back.

Steps 1 and 3 are linear, so **every fused pixel splits exactly** into what came from the CT and
what came from the MRI, subband by subband. No decoder paints anything that neither source contains.
What clamping to black and white takes away is shown as a part of its own: CT part + MRI part +
clipping = the value shown.
"""

LIMITS = """
- **Research and teaching, not for diagnosis.** It is no medical device and has not been validated
  clinically.
- It does not register images. The two must show the same slice already; where they do not, edges
  double.
- The shipped checkpoints saw a few patients of one public atlas. On other scanners, sequences and
  findings they are untested.
- A fused image shows grey values, not Hounsfield units. Measure on the sources.
- The fused image depends on both windows: what a window saturates cannot come back.
- Metrics reward different things and can mislead; each says how, on the Fuse page.
"""

DATA = """
The cases that come with the app are **synthetic heads**, computed by this program from tissue
properties; they show no patient. The checkpoints were trained on registered slices of the Whole
Brain Atlas, which is not included.

Your images go to the computer that runs this program and nowhere else; as installed it listens on
127.0.0.1 only and reports nothing to anyone. They are forgotten when the tab is closed.
"""

CITE = f"""Trainable wavelet fusion {__version__}. CT-MRI image fusion in the wavelet domain \
with inspectable learned masks. Software, MIT licence. See CITATION.cff.

Atlas: Johnson KA, Becker JA. The Whole Brain Atlas. Harvard Medical School.
Wavelet transform: Mallat S. IEEE TPAMI 11(7), 1989. doi:10.1109/34.192463
Qabf: Xydeas CS, Petrovic V. Electronics Letters 36(4), 2000. doi:10.1049/el:20000267"""


def about() -> None:
    """The page's text, in two columns."""
    left, right = st.columns([3, 2], gap="large")
    with left:
        theme.section("What it is")
        st.markdown(WHAT)
        theme.section("What it is not, and its limits")
        st.markdown(LIMITS)
    with right:
        theme.section("Data and privacy")
        st.markdown(DATA)
        theme.section("This installation")
        st.html(_table(installation()))
        theme.section("How to cite")
        st.code(CITE, language=None, wrap_lines=True)


def installation() -> dict[str, str]:
    """Versions and the device that computes, in plain words."""
    device = choose_device("auto")
    facts = {
        "Program": __version__,
        "Computes on": "GPU (CUDA)" if device.type == "cuda" else "CPU",
        "Python": platform.python_version(),
    }
    for name in PACKAGES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = "not installed"
    return facts


def _table(facts: dict[str, str]) -> str:
    rows = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in facts.items())
    return f"<table class='twf'>{rows}</table>"
