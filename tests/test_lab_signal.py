"""The MR signal of the laboratory: the equation, its presets and its pictures."""

import numpy as np
import pytest

from fusion_core.phantom import TISSUES, Tissue
from ui.lab import mr_signal
from ui.lab.mr_signal import PRESETS as TIMES
from ui.lab.mr_signal import Contrast


def test_the_signal_is_that_of_the_equation() -> None:
    """White matter's T2-weighted signal equals PD (1 - exp(-TR/T1)) exp(-TE/T2)."""
    _, t1, t2, pd = TISSUES[Tissue.WHITE_MATTER]
    expected = pd * (1 - np.exp(-4000 / t1)) * np.exp(-100 / t2)
    found = mr_signal.tissue_signal(Contrast(100, 4000))["white matter"]
    assert found == pytest.approx(expected, rel=1e-5)


def test_every_preset_is_named_as_radiologists_do() -> None:
    """The presets' own sentences begin with their weighting."""
    for name, words in (("T1w", "T1-"), ("T2w", "T2-"), ("PDw", "Proton"), ("FLAIR", "FLAIR")):
        assert mr_signal.weighting(Contrast(*TIMES[name])).startswith(words)


def test_inversion_at_the_null_makes_csf_dark() -> None:
    """At the computed inversion time CSF gives no signal, for short and long repetition."""
    for tr in (2500.0, 9000.0):
        contrast = Contrast(100, tr, mr_signal.csf_null(tr))
        assert mr_signal.tissue_signal(contrast)["CSF"] < 1e-4


def test_signals_fall_with_te_and_rise_with_tr() -> None:
    """Every tissue's curve falls over the echo time and rises over the repetition time."""
    contrast = Contrast(80, 2000)
    assert all((np.diff(c) < 0).all() for c in mr_signal.over_te(contrast)[1].values())
    assert all((np.diff(c) >= 0).all() for c in mr_signal.over_tr(contrast)[1].values())


def test_the_picture_follows_the_times_and_air_is_black() -> None:
    """CSF is brighter than white matter on T2w and darker on T1w; the air around stays black."""
    tissue = mr_signal.case_labels("normal")
    fine = tissue[::2, ::2]
    for name, brighter in (("T2w", True), ("T1w", False)):
        shown = mr_signal.mr_picture("normal", tissue, Contrast(*TIMES[name]), False)
        csf, white = (
            float(np.median(shown[fine == kind])) for kind in (Tissue.CSF, Tissue.WHITE_MATTER)
        )
        assert (csf > white) is brighter
        assert not shown[:4].any()
        assert shown.min() >= 0
        assert shown.max() <= 1


def test_a_long_echo_is_dark_only_where_white_is_fixed() -> None:
    """With one white for all times a long echo loses brightness; automatic white hides it."""
    tissue = mr_signal.case_labels("normal")
    dark, bright = (
        mr_signal.mr_picture("normal", tissue, Contrast(200, 3000), fixed)
        for fixed in (True, False)
    )
    assert dark.mean() < 0.6 * bright.mean()
