"""The literature behind the laboratory: every entry with its DOI."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st


@dataclass(frozen=True)
class Reference:
    """One publication.

    Attributes:
        authors: as on its first page.
        title: without a full stop.
        place: journal with volume and pages, or publisher.
        year: of publication.
        doi: without a prefix.
    """

    authors: str
    title: str
    place: str
    year: int
    doi: str

    @property
    def url(self) -> str:
        """Where the DOI leads; a link, opened only when it is clicked."""
        return f"https://doi.org/{self.doi}"


REFERENCES: dict[str, Reference] = {
    "haar": Reference(
        "A. Haar", "Zur Theorie der orthogonalen Funktionensysteme",
        "Mathematische Annalen 69, 331–371", 1910, "10.1007/BF01456326",
    ),
    "daubechies1988": Reference(
        "I. Daubechies", "Orthonormal bases of compactly supported wavelets",
        "Communications on Pure and Applied Mathematics 41(7), 909–996", 1988,
        "10.1002/cpa.3160410705",
    ),
    "mallat": Reference(
        "S. G. Mallat", "A theory for multiresolution signal decomposition: the wavelet "
        "representation", "IEEE Transactions on Pattern Analysis and Machine Intelligence 11(7), "
        "674–693", 1989, "10.1109/34.192463",
    ),
    "daubechies": Reference(
        "I. Daubechies", "Ten Lectures on Wavelets", "SIAM", 1992, "10.1137/1.9781611970104",
    ),
    "cohen": Reference(
        "A. Cohen, I. Daubechies, J.-C. Feauveau",
        "Biorthogonal bases of compactly supported wavelets",
        "Communications on Pure and Applied Mathematics 45(5), 485–560", 1992,
        "10.1002/cpa.3160450502",
    ),
    "donoho": Reference(
        "D. L. Donoho, I. M. Johnstone", "Ideal spatial adaptation by wavelet shrinkage",
        "Biometrika 81(3), 425–455", 1994, "10.1093/biomet/81.3.425",
    ),
    "li": Reference(
        "H. Li, B. S. Manjunath, S. K. Mitra", "Multisensor image fusion using the wavelet "
        "transform", "Graphical Models and Image Processing 57(3), 235–245", 1995,
        "10.1006/gmip.1995.1022",
    ),
    "pajares": Reference(
        "G. Pajares, J. M. de la Cruz", "A wavelet-based image fusion tutorial",
        "Pattern Recognition 37(9), 1855–1872", 2004, "10.1016/j.patcog.2004.03.010",
    ),
    "hewitt": Reference(
        "E. Hewitt, R. E. Hewitt", "The Gibbs–Wilbraham phenomenon: an episode in Fourier analysis",
        "Archive for History of Exact Sciences 21, 129–160", 1979, "10.1007/BF00330404",
    ),
    "xydeas": Reference(
        "C. S. Xydeas, V. Petrović", "Objective image fusion performance measure",
        "Electronics Letters 36(4), 308–309", 2000, "10.1049/el:20000267",
    ),
    "wang": Reference(
        "Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli",
        "Image quality assessment: from error visibility to structural similarity",
        "IEEE Transactions on Image Processing 13(4), 600–612", 2004, "10.1109/TIP.2003.819861",
    ),
    "aslantas": Reference(
        "V. Aslantas, E. Bendes", "A new image quality metric for image fusion: the sum of the "
        "correlations of differences", "AEU – International Journal of Electronics and "
        "Communications 69(12), 1890–1896", 2015, "10.1016/j.aeue.2015.09.004",
    ),
    "hahn": Reference(
        "E. L. Hahn", "Spin echoes", "Physical Review 80(4), 580–594", 1950,
        "10.1103/PhysRev.80.580",
    ),
    "kwan": Reference(
        "R. K.-S. Kwan, A. C. Evans, G. B. Pike", "MRI simulation-based evaluation of "
        "image-processing and classification methods",
        "IEEE Transactions on Medical Imaging 18(11), 1085–1097", 1999, "10.1109/42.816072",
    ),
    "lee": Reference(
        "G. R. Lee, R. Gommers, F. Waselewski, K. Wohlfahrt, A. O’Leary",
        "PyWavelets: a Python package for wavelet analysis",
        "Journal of Open Source Software 4(36), 1237", 2019, "10.21105/joss.01237",
    ),
}  # fmt: skip
"""Publications by a short name."""


def show_references(keys: Sequence[str]) -> None:
    """List publications at the foot of a view.

    Args:
        keys: names in :data:`REFERENCES`.

    Raises:
        KeyError: a name is unknown.
    """
    if not keys:
        return
    lines = "".join(f"<li>{reference_html(REFERENCES[key])}</li>" for key in keys)
    st.html(
        "<div class='twf-h' role='heading' aria-level='2'>Literature</div>"
        f"<ul style='margin:.1rem 0 0;padding-left:1.1rem;font-size:.88rem'>{lines}</ul>"
    )


def reference_html(reference: Reference) -> str:
    """One publication as a line with a link."""
    words = f"{reference.authors}: {reference.title}. {reference.place}, {reference.year}, "
    return (
        f"{escape(words)}<a href='{escape(reference.url)}' target='_blank' rel='noopener'>"
        f"doi:{escape(reference.doi)}</a>"
    )
