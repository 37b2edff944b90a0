"""From dropped files to a choice of series: what was found, what fits, what is exchanged."""

from collections.abc import Callable, Sequence
from html import escape

from imaging.roles import months_apart, same_patient
from imaging.scan import scan
from imaging.study import Series
from pipelines.volume_load import candidates
from ui.session import SLOTS, Slot
from ui.studies.state import Drop, Pick, Studies

LABELS: dict[Slot, str] = {"ct": "CT", "mri": "MRI"}
_MODALITIES: dict[Slot, str] = {"ct": "CT", "mri": "MR"}


def take(files: Sequence[tuple[str, bytes]], progress: Callable[[int], None] | None = None) -> Drop:
    """Look into dropped files; only headers are read.

    Raises:
        InputError: a zip is refused as a whole, or there are too many files.
    """
    study = scan(list(files), progress)
    return Drop(study, len(files), sum(len(data) for _, data in files))


def choices(studies: Studies, slot: Slot) -> list[Pick]:
    """The series that can be read: of the slot's own zone, or of the other where it is empty."""
    other: Slot = "mri" if slot == "ct" else "ct"
    zone = slot if slot in studies.drops else other
    if zone not in studies.drops:
        return []
    found = studies.drops[zone].study.series
    return [Pick(zone, index) for index, series in enumerate(found) if series.problem is None]


def first_pick(studies: Studies, slot: Slot) -> Pick | None:
    """What a slot takes unless the user chooses: what its own files call CT or MR, else any."""
    other: Slot = "mri" if slot == "ct" else "ct"
    own = studies.drops.get(slot)
    if own is not None:
        found = candidates(own.study, _MODALITIES[slot])
        readable = found or tuple(s for s in own.study.series if s.problem is None)
        return Pick(slot, own.study.series.index(readable[0])) if readable else None
    elsewhere = studies.drops.get(other)
    if elsewhere is None:
        return None
    named = elsewhere.study.of(_MODALITIES[slot])
    return Pick(other, elsewhere.study.series.index(named[0])) if named else None


def picks_of(studies: Studies) -> dict[Slot, Pick]:
    """The picks that still exist, and first ones where there are none."""
    found: dict[Slot, Pick] = {}
    for slot in SLOTS:
        now = studies.picks.get(slot)
        held = [(pick.zone, pick.index) for pick in choices(studies, slot)]
        if now is not None and (now.zone, now.index) in held:
            found[slot] = now
        elif (first := first_pick(studies, slot)) is not None:
            found[slot] = first
    return found


def wrong_way(studies: Studies) -> str | None:
    """The sentence where CT and MRI were given the wrong way round."""
    wrong = []
    for slot, series in ((slot, studies.series(slot)) for slot in SLOTS):
        other = {"CT": "MR", "MR": "CT"}[_MODALITIES[slot]]
        if series is not None and series.modality == other:
            wrong.append(f"the series given as {LABELS[slot]} says it is {_spoken(series)}")
    if not wrong:
        return None
    sentence = " and ".join(wrong)
    return f"{sentence[0].upper()}{sentence[1:]}."


def twice(studies: Studies) -> bool:
    """Whether one series was chosen for both."""
    picks = [studies.picks.get(slot) for slot in SLOTS]
    return None not in picks and picks[0] == picks[1]


def exchanged(studies: Studies) -> dict[str, object]:
    """The changes that take the CT's files for the MRI's and the other way round."""
    swap: dict[Slot, Slot] = {"ct": "mri", "mri": "ct"}
    return {
        "drops": {swap[slot]: drop for slot, drop in studies.drops.items()},
        "picks": {
            swap[slot]: Pick(swap[pick.zone], pick.index, pick.volume)
            for slot, pick in studies.picks.items()
        },
        "problems": {swap[s]: studies.problems[s] for s in SLOTS if s in studies.problems},
    }


def relation(studies: Studies) -> tuple[str, str] | None:
    """Whether both belong to one patient: "ok" or "warning" and a sentence without a name."""
    ct, mri = studies.series("ct"), studies.series("mri")
    if ct is None or mri is None:
        return None
    answer = same_patient(ct.origin, mri.origin)
    months = months_apart(ct.origin, mri.origin)
    apart = "" if months is None else f" The studies lie {_months(months)} apart."
    if answer == "no":
        return "warning", (
            f"Same patient: no. The two series name different patients.{apart} Check before you "
            "read anything from the pair."
        )
    if answer == "unknown":
        return "ok", f"Same patient: unknown, the files do not say.{apart}"
    return ("warning" if (months or 0) >= 1 else "ok"), f"Same patient: yes.{apart}"


def series_table(drop: Drop, chosen: Sequence[int] = ()) -> str:
    """The series of a zone as an HTML table, the chosen one marked."""
    rows = "".join(_row(series, k in chosen) for k, series in enumerate(drop.study.series))
    head = "".join(
        f"<th{mark}>{escape(title)}</th>"
        for title, mark in (
            ("Series", ""), ("Plane", ""), ("Slices", " class='n'"), ("Pixels", " class='n'"),
            ("Spacing, mm", " class='n'"),
        )
    )  # fmt: skip
    table = f"<table class='twf twf-series'><tr>{head}</tr>{rows}</table>"
    return f"<div class='twf-scroll'>{table}</div>"


def remarks(drop: Drop) -> list[str]:
    """What was set aside, and what the whole of a zone's files says."""
    return [*drop.study.notes, *(aside.reason for aside in drop.study.set_aside)]


def line(series: Series) -> str:
    """A series in the menu: "CT series 1 · 44 slices of 160 × 160"."""
    slices, rows, columns = series.shape
    plane = f"{series.plane}, " if series.plane else ""
    return f"{series.name} · {plane}{slices} × {columns} × {rows}"


def dropped(drop: Drop) -> str:
    """How much lies in a zone: "240 files, 118 MB"."""
    count = "1 file" if drop.files == 1 else f"{drop.files} files"
    size = drop.size / 1e6
    return f"{count}, {size:.0f} MB" if size >= 10 else f"{count}, {size:.1f} MB"


def _row(series: Series, chosen: bool) -> str:
    slices, rows, columns = series.shape
    what = " ".join(w for w in (series.modality or series.kind, series.body_part.lower()) if w)
    spacing = "–"
    if series.spacing is not None:
        between, row, column = series.spacing
        spacing = f"{column:.3g} × {row:.3g} × {between:.3g}"
    told = [series.problem] if series.problem else list(series.notes)
    if series.volumes > 1:
        told.insert(0, f"{series.volumes} volumes to choose from.")
    notes = "".join(f"<small>{escape(text)}</small>" for text in told)
    mark = " class='twf-taken'" if chosen else " class='twf-lost'" if series.problem else ""
    return (
        f"<tr{mark}><td><b>{escape(what)}</b> <small>{escape(series.name)}</small>{notes}</td>"
        f"<td>{escape(series.plane or '–')}</td><td class='n'>{slices}</td>"
        f"<td class='n'>{columns} × {rows}</td><td class='n'>{spacing}</td></tr>"
    )


def _spoken(series: Series) -> str:
    return "a CT" if series.modality == "CT" else "an MRI"


def _months(months: float) -> str:
    if months < 1:
        days = round(months * 30.4375)
        return "1 day" if days == 1 else f"{days} days"
    return "1 month" if round(months) == 1 else f"{months:.0f} months"
