"""From files, folders, zips and uploads to the CT and the MRI of a pair."""

import re
from collections.abc import Callable, Sequence

from imaging.errors import InputError
from imaging.study import Series, Study, read_series
from imaging.volume import Volume

_WORDS = {"CT": "CT", "MR": "MRI"}


def candidates(study: Study, modality: str) -> tuple[Series, ...]:
    """The series that can be the CT ("CT") or the MRI ("MR") of a pair.

    Those whose file says so; where there are none, those whose file does not say (NIfTI, MHA,
    NRRD).
    """
    named = study.of(modality)
    silent = tuple(s for s in study.series if not s.modality and s.problem is None)
    return named or silent


def choose_series(
    study: Study, modality: str, wanted: str | None = None, where: str = "This"
) -> Series:
    """The one series to take.

    Args:
        study: from :func:`imaging.scan.scan`.
        modality: "CT" or "MR".
        wanted: number, counted from 1 as :func:`listing` lists them, or name; needed where there
            are several.
        where: what was scanned, for messages.

    Raises:
        InputError: there is none, there are several and none was wanted, or the wanted one is not
            there.
    """
    if wanted is not None:
        return _wanted(study.series, wanted)
    found = candidates(study, modality)
    what = _WORDS[modality]
    if not found:
        raise InputError(_absent(study, modality, where))
    if len(found) > 1:
        listed = "; ".join(f"{study.series.index(s) + 1}: {s.name} ({s.title})" for s in found[:8])
        more = f"; and {len(found) - 8} more" if len(found) > 8 else ""
        people = " " + study.notes[0].rstrip(".") + ";" if study.patients > 1 else ""
        raise InputError(
            f"{where} holds {len(found)} series that can be the {what};{people} choose one by its "
            f"number: {listed}{more}."
        )
    return found[0]


def load_series(
    series: Series, volume: int = 0, progress: Callable[[float], None] | None = None
) -> Volume:
    """Read a series; its name tells nothing of the patient, whatever the file is called.

    Args:
        series: what to read.
        volume: which of several volumes, from 0.
        progress: told the share that is done.

    Raises:
        InputError: it cannot be read, or has no such volume.
    """
    if not 0 <= volume < series.volumes:
        raise InputError(f"{series.name} has no volume {volume + 1}; choose 1 to {series.volumes}.")
    return read_series(series, volume, progress)


def parse_choice(text: str | None) -> tuple[str | None, int]:
    """ "2", "CT series 1" or "2:3" (the third volume of the second) -> series and volume from 0.

    Raises:
        InputError: the volume is no number from 1.
    """
    if text is None:
        return None, 0
    name, colon, volume = text.rpartition(":")
    if not colon:
        return text.strip(), 0
    if not volume.strip().isdigit() or int(volume) < 1:
        raise InputError(f"'{text}' names no volume; write it as 1:2, the series and the volume.")
    return name.strip(), int(volume) - 1


def _wanted(series: Sequence[Series], wanted: str) -> Series:
    if re.fullmatch(r"\d{1,4}", wanted) and 1 <= int(wanted) <= len(series):
        found = [series[int(wanted) - 1]]
    else:
        found = [s for s in series if s.name.lower() == wanted.lower()]
    if len(found) != 1:
        names = "; ".join(f"{k}: {s.name}" for k, s in enumerate(series[:8], 1)) or "none"
        raise InputError(f"There is no series '{wanted}'; there are {names}.")
    return found[0]


def _absent(study: Study, modality: str, where: str) -> str:
    what, other = _WORDS[modality], "MR" if modality == "CT" else "CT"
    if problems := [s for s in study.series if s.problem and s.modality in (modality, "")]:
        return f"The {what} cannot be read: {problems[0].problem}"
    if others := study.of(other):
        return (
            f"{where} was given as the {what} but holds {_WORDS[other]} only ({others[0].title}); "
            "exchange the two."
        )
    if study.series:
        kinds = ", ".join(dict.fromkeys(s.modality or s.kind for s in study.series))
        return f"{where} holds no {what}, only {kinds}; choose another."
    if study.set_aside:
        return f"{where} holds no {what}: {study.set_aside[0].reason}"
    return f"{where} holds no {what}; choose DICOM or NIfTI files, a folder or a zip."
