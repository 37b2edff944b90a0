"""What a session holds of its two studies: once, in plain session keys, gone with the session."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, cast

import streamlit as st

from imaging.planes import Plane, native_plane
from imaging.resample import Interpolation
from imaging.study import Series, Study
from imaging.transform import Transform
from imaging.volume import Volume
from imaging.windowing import Window
from pipelines.fuse_volume import FusedVolume
from pipelines.volume_pair import Align, Onto, VolumePair, default_align
from ui.session import Slot
from ui.studies.work import Work

Keep = Callable[[], None]
Step = Literal["series", "align", "view"]
STEPS: tuple[Step, ...] = ("series", "align", "view")
Voxel = tuple[int, int, int]
_KEY = "twf_studies"


@dataclass(frozen=True, eq=False)
class Drop:
    """What lies in one drop zone.

    Attributes:
        study: the series that were found in it.
        files: how many files were dropped.
        size: their bytes together.
        demo: the volume itself, for the bundled study, which comes from no file.
    """

    study: Study
    files: int = 0
    size: int = 0
    demo: Volume | None = None


@dataclass(frozen=True)
class Pick:
    """Which series of which drop zone is taken, and which of its volumes."""

    zone: Slot
    index: int
    volume: int = 0


@dataclass(frozen=True, eq=False)
class Studies:
    """Everything that decides what the Studies page shows.

    Attributes:
        step: which of its three steps.
        drops: what was dropped, by zone.
        picks: the series chosen for CT and MRI.
        problems: a sentence per zone, or for "work", about what could not be used.
        round: counts whole new beginnings; drop zones are empty after each.
        emptied: by zone, how often files could not be used; the zone is empty after each.
        volumes: the chosen series as they were read.
        read: what `volumes` were read from.
        align, onto, interpolation: how the next alignment is to be done.
        pair: both volumes on one grid.
        pair_id: unlike that of any other pair.
        nudge: (mm along x, y, z, degrees about x, y, z) by hand on top of the pair's transform.
        cursor: the voxel of the pair's grid where the three planes cross.
        plane: the plane shown large.
        windows: of CT and MRI; None takes the volume's own.
        others: whether the other two planes are shown.
        fused: the whole volume fused, with the pair, windows and method that it was made with.
        works: what runs in the background; what it makes is called to keep the result.
    """

    step: Step = "series"
    drops: dict[Slot, Drop] = field(default_factory=dict)
    picks: dict[Slot, Pick] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    round: int = 0
    emptied: dict[Slot, int] = field(default_factory=dict)
    volumes: tuple[Volume, Volume] | None = None
    read: tuple[Pick, Pick] | None = None
    align: Align = "rigid"
    onto: Onto = "ct"
    interpolation: Interpolation = "linear"
    pair: VolumePair | None = None
    pair_id: str = ""
    nudge: tuple[float, ...] = (0.0,) * 6
    cursor: Voxel = (0, 0, 0)
    plane: Plane = "axial"
    windows: tuple[Window | None, Window | None] = (None, None)
    others: bool = True
    fused: FusedVolume | None = None
    works: Work[Keep] | None = None

    def zone(self, slot: Slot) -> str:
        """The widget key of a drop zone."""
        return f"studies-{slot}-{self.round}-{self.emptied.get(slot, 0)}"

    def series(self, slot: Slot) -> Series | None:
        """The series chosen for a slot; None before there is one."""
        pick = self.picks.get(slot)
        drop = self.drops.get(pick.zone) if pick is not None else None
        if pick is None or drop is None or pick.index >= len(drop.study.series):
            return None
        return drop.study.series[pick.index]

    @property
    def transform(self) -> Transform | None:
        """How the pair lies with what was moved by hand since."""
        if self.pair is None:
            return None
        return self.pair.transform.nudged(self.nudge[:3], self.nudge[3:])


def get() -> Studies:
    """The session's studies so far."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Studies()
    return cast(Studies, st.session_state[_KEY])


def update(**changes: object) -> Studies:
    """Replace fields and keep the result."""
    now = replace(get(), **changes)  # type: ignore[arg-type]
    st.session_state[_KEY] = now
    return now


def go(step: Step) -> None:
    """Show a step."""
    update(step=step)


def nudge_to(nudge: tuple[float, ...]) -> None:
    """Put the position by hand there."""
    update(nudge=nudge)


def begin(work: Work[Keep]) -> None:
    """Take up a piece of work in the background; what ran before is stopped."""
    stop()
    problems = {k: v for k, v in get().problems.items() if k != "work"}
    update(works=work, problems=problems)


def stop() -> None:
    """Stop what runs and let go of it."""
    now = get()
    if now.works is not None:
        now.works.stop()
        update(works=None)


def choose(**changes: object) -> None:
    """Take other files or series; what was read and made of the ones before is let go of."""
    stop()
    update(**changes, volumes=None, read=None, pair=None, pair_id="", fused=None)


def begin_anew() -> None:
    """Let go of everything."""
    stop()
    st.session_state[_KEY] = Studies(round=get().round + 1)


def take_volumes(volumes: tuple[Volume, Volume], read: tuple[Pick, Pick] | None) -> None:
    """Go on to the alignment with volumes that were read; what hung on older ones is dropped."""
    update(
        volumes=volumes, read=read, step="align", align=default_align(*volumes),
        pair=None, pair_id="", nudge=(0.0,) * 6, fused=None, windows=(None, None),
    )  # fmt: skip


def take_fused(fused: FusedVolume) -> None:
    """Show a fused volume, unless the pair is another one by now."""
    if fused.pair is get().pair:
        update(fused=fused)


def take_pair(pair: VolumePair) -> None:
    """Show a pair that was laid on one grid, its middle first."""
    before = get().pair
    same = before is not None and before.grid.shape == pair.grid.shape
    update(
        pair=pair,
        pair_id=uuid.uuid4().hex,
        nudge=(0.0,) * 6,
        cursor=get().cursor if same else tuple(n // 2 for n in pair.grid.shape),
        plane=get().plane if same else native_plane(pair.grid),
        fused=None,
    )
