"""One batch: how far it is, its newest images, its pairs, its zip, and what can be done with it."""

from base64 import b64encode
from html import escape

import streamlit as st

from pipelines.batch_folder import BatchFolder, Request, list_batches
from pipelines.batch_job import Snapshot
from pipelines.batch_ledger import thumb_path
from ui import theme
from ui.batch import pairs
from ui.batch.places import batches, batches_folder, choose, chosen, let_go, look
from ui.guard import explain, guarded
from ui.training.history import duration
from ui.training.look import bar, mark, message

BEAT = 1.0
"""Seconds between two looks at a batch that is alive."""

MOST_BYTES = 2**30
"""Zips above this are not sent through the browser's page, which would hold them in memory."""

_GRID = "grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)); margin-top: 0"
_CONFIRM, _PROBLEM = "twf_batch_confirm", "twf_batch_problem"


def batch_view() -> None:
    """The chosen batch, or the newest one; it is looked at every second while it lives."""
    folder = chosen()
    if folder is None:
        st.html(
            "<div class='twf-empty'>No batch yet. Choose pairs and a method at the left and press "
            "<b>Start batch</b>: it goes on when this tab is closed.</div>"
        )
        return
    _menu(folder)
    alive = look(folder).alive
    st.fragment(_screen, run_every=BEAT if alive else None)(folder, alive)


def _menu(folder: BatchFolder) -> None:
    names = [other.name for other in list_batches(batches_folder())]
    if len(names) < 2:
        return

    def changed() -> None:
        choose(st.session_state["batch-chosen"])

    st.session_state["batch-chosen"] = folder.name
    st.selectbox(
        "Batch", names, key="batch-chosen", on_change=changed, format_func=_line,
        label_visibility="collapsed",
    )  # fmt: skip


def _line(name: str) -> str:
    """A folder's name as a line of the menu: ``cohort · 2026-01-31 12:30 UTC``."""
    day, clock, title = (*name.split("-", 2), "", "")[:3]
    if len(day) != 8 or len(clock) != 6:
        return name
    return f"{title} · {day[:4]}-{day[4:6]}-{day[6:]} {clock[:2]}:{clock[2:4]} UTC"


@guarded()
def _screen(folder: BatchFolder, was_alive: bool) -> None:
    seen = look(folder)
    if was_alive != seen.alive:
        st.rerun()  # the whole page: what can be done with it is another now
        return
    request = folder.request()
    _head(folder, request, seen)
    if not seen.alive:
        message(seen.state, seen.message)
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(problem, icon=":material/error:")
    _confirm(folder)
    if seen.newest and seen.alive:
        theme.section("Newest", "CT, MRI and fused image.")
        st.html(thumbnails_html(folder, seen))
    if seen.rows:
        pairs.table(folder, seen)
    st.caption(f"Everything of this batch lies in {folder.path}.")


def _head(folder: BatchFolder, request: Request, seen: Snapshot) -> None:
    about = " · ".join(summary(request))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(
            f"<div class='twf-run'>{mark(seen.state)}<b title='{escape(folder.name)}'>"
            f"{escape(request.title)}</b><small title='{escape(about)}'>{escape(about)}</small>"
            "</div>"
        )
        _buttons(folder, seen)
    if seen.alive:
        st.html(bar(seen.share, f"{request.title}: {100 * seen.share:.0f} % done"))
        st.caption(_waiting(folder, seen))
    tiles = "".join(
        f"<div><span class='q'>{title}</span><b>{escape(value)}<small>{unit}</small></b></div>"
        for title, value, unit in cells(seen)
    )
    done = seen.fused + seen.skipped
    st.html(f"<div class='twf-sum twf-tiles' data-pairs='{done}'>{tiles}</div>")


def summary(request: Request) -> list[str]:
    """Source, method and results of a batch, each a few words."""
    sources = {"zip": request.upload, "folder": request.path, "cases": "bundled cases"}
    kind, name = request.method
    wanted = [word for word in ("metrics", "masks", "caption") if getattr(request, word)]
    return [sources[request.source], f"{kind} {name}", *wanted]


def cells(seen: Snapshot) -> list[tuple[str, str, str]]:
    """Title, value and unit of every tile."""
    found = [
        ("Fused", f"{seen.fused}", f"of {seen.total} pairs"),
        ("Skipped", f"{seen.skipped}", ""),
    ]
    if seen.kept:
        found.append(("Were there already", f"{seen.kept}", ""))
    if seen.alive:
        left = "–" if seen.remaining is None else duration(seen.remaining)
        found.append(("Time left", left, ""))
        if seen.speed is not None:
            found.append(("Speed", f"{seen.speed:.3g}", "pairs/s"))
    elif seen.seconds:
        short = seen.seconds < 10
        found.append(("Took", f"{seen.seconds:.1f} s" if short else duration(seen.seconds), ""))
    return found


def _waiting(folder: BatchFolder, seen: Snapshot) -> str:
    if seen.state == "queued" and (ahead := batches().ahead(folder.name)):
        return f"Waiting for {ahead} batch{'es' * (ahead > 1)} before it."
    return f"{seen.message} It goes on when this tab is closed."


def _buttons(folder: BatchFolder, seen: Snapshot) -> None:
    job = batches().job(folder.name)
    if seen.alive and job is not None:
        st.button(
            "Cancel", icon=":material/stop:", key="batch-stop", on_click=job.stop,
            disabled=seen.state == "stopping",
            help="Ends after the pairs under way; what is done stays, and Resume does the rest.",
        )  # fmt: skip
        return
    if folder.zip.is_file():
        _download(folder)
    again = seen.state == "done"
    st.button(
        "Run again" if again else "Resume", icon=":material/play_arrow:", key="batch-resume",
        on_click=_go_on, args=(folder,), type="tertiary" if again else "secondary",
        help="Pairs that are done, from the same images, are passed over.",
    )  # fmt: skip
    st.button(
        "Delete", icon=":material/delete:", key="batch-delete", type="tertiary",
        on_click=_ask, args=(folder,),
    )  # fmt: skip


def _download(folder: BatchFolder) -> None:
    size = folder.zip.stat().st_size
    if size > MOST_BYTES:
        st.caption(f"The zip has {size / 2**30:.1f} GiB: copy it from {folder.zip}.")
        return
    title = folder.request().title
    st.download_button(
        f"Download, {size / 2**20:.1f} MiB", folder.zip.read_bytes, f"{title}_fused.zip",
        "application/zip", key="batch-zip-out", icon=":material/download:", on_click="ignore",
        type="primary", help="Fused images, contact sheets, report, metrics and masks if made.",
    )  # fmt: skip


def _go_on(folder: BatchFolder) -> None:
    try:
        batches().submit(folder)
    except Exception as error:
        st.session_state[_PROBLEM] = explain(error)


def _ask(folder: BatchFolder) -> None:
    st.session_state[_CONFIRM] = folder.name


def _keep() -> None:
    st.session_state.pop(_CONFIRM, None)


def _confirm(folder: BatchFolder) -> None:
    """Ask before anything is deleted; another choice takes the question back."""
    if st.session_state.get(_CONFIRM) != folder.name:
        st.session_state.pop(_CONFIRM, None)
        return
    st.warning(
        "Delete this batch for good? Fused images, zip and uploaded images go; a folder of images "
        "of your own stays as it is.",
        icon=":material/delete_forever:",
    )
    with st.container(horizontal=True):
        if st.button("Delete for good", key="batch-delete-yes", type="primary"):
            _keep()
            folder.delete()
            batches().forget(folder.name)
            let_go()
            st.rerun()
        st.button("Keep", key="batch-delete-no", on_click=_keep)


def thumbnails_html(folder: BatchFolder, seen: Snapshot) -> str:
    """The newest pairs as small pictures with their names."""
    figures = []
    for name in seen.newest:
        try:
            data = b64encode(thumb_path(folder.out, name).read_bytes()).decode()
        except OSError:
            continue
        figures.append(
            f"<figure><img alt='CT, MRI and fused image of {escape(name)}' "
            f"src='data:image/jpeg;base64,{data}'><figcaption>{escape(name)}</figcaption></figure>"
        )
    return f"<div class='twf-thumbs' style='{_GRID}'>{''.join(figures)}</div>"
