"""What the Studies page lets run in the background, and what becomes of the results."""

from imaging.register import Cancelled
from imaging.roles import given_as
from imaging.transform import Transform
from imaging.windowing import Window
from pipelines.fuse_volume import fuse_volume
from pipelines.methods import Method
from pipelines.volume_load import load_series
from pipelines.volume_pair import Align, Given, pair_volumes
from ui.guard import explain
from ui.session import SLOTS
from ui.studies import state
from ui.studies.state import Keep
from ui.studies.work import Progress, Stopped, Work


def read() -> None:
    """Read both chosen series, or find that they are read already."""
    now = state.get()
    ct, mri = (now.picks[slot] for slot in SLOTS)
    if now.volumes is not None and now.read == (ct, mri):
        state.update(step="align")
        return
    demos = [now.drops[pick.zone].demo for pick in (ct, mri)]
    if demos[0] is not None and demos[1] is not None:
        state.take_volumes((demos[0], demos[1]), (ct, mri))
        return
    chosen = [(now.series(slot), now.picks[slot].volume) for slot in SLOTS]

    def do(progress: Progress, stopped: Stopped) -> Keep:
        found = []
        for n, (series, volume) in enumerate(chosen):
            if series is None:
                raise Cancelled("A series is no longer there.")

            def tell(share: float, n: int = n) -> None:
                if stopped():
                    raise Cancelled("Reading was stopped.")
                progress((n + share) / 2)

            found.append(load_series(series, volume, tell))
            tell(1.0)
        volumes = given_as(found[0], "CT"), given_as(found[1], "MR")
        return lambda: state.take_volumes(volumes, (ct, mri))

    state.begin(Work("Reading both series", do))


def align(way: Align | Given, transform: Transform | None = None) -> None:
    """Lay the MRI on the CT as chosen; a transform stands in for a search.

    Args:
        way: how.
        transform: from the CT's mm to the MRI's, for "manual" and "loaded".
    """
    now = state.get()
    if now.volumes is None:
        return
    (ct, mri), onto, interpolation = now.volumes, now.onto, now.interpolation
    series = {f"{slot}_series": now.series(slot) for slot in SLOTS}

    def do(progress: Progress, stopped: Stopped) -> Keep:
        def tell(share: float) -> None:
            progress(0.95 * share)  # the rest is for putting it on the grid

        pair = pair_volumes(
            ct, mri, way, onto, interpolation, transform, progress=tell, cancelled=stopped,
            ct_series=series["ct_series"], mri_series=series["mri_series"],
        )  # fmt: skip
        return lambda: state.take_pair(pair)

    searching = way in ("rigid", "affine") and transform is None
    title = "Looking for the best match" if searching else "Putting both on one grid"
    state.begin(Work(title, do))


def fuse(method: Method, windows: tuple[Window, Window]) -> None:
    """Fuse the whole volume."""
    pair = state.get().pair
    if pair is None:
        return
    # What an older fused volume holds is let go of before the new one takes as much.
    state.update(fused=None)

    def do(progress: Progress, stopped: Stopped) -> Keep:
        fused = fuse_volume(pair, method, windows, progress, stopped)
        return lambda: state.take_fused(fused)

    count = pair.grid.shape[0]
    state.begin(Work(f"Fusing {count} slices", do))


def collect() -> None:
    """Take the result of work that has ended, or the sentence why there is none."""
    work = state.get().works
    if work is None or work.snapshot().alive:
        return
    state.update(works=None)
    if (error := work.snapshot().error) is not None:
        state.update(problems=state.get().problems | {"work": explain(error)})
    elif work.made is not None:
        work.made()
