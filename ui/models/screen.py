"""The page of models: the table of all, the card of one, and its way into other programs."""

import streamlit as st

from pipelines.cases import CASES
from ui import caches, session, theme
from ui.guard import guarded
from ui.models import manage, table, texts
from ui.models.entries import Entry
from ui.models.exports import exports
from ui.thumbnails import mask_thumbnails

_STYLE = """<style>
.st-key-models-masks .twf-thumbs {grid-template-columns: repeat(auto-fill, minmax(76px, 1fr));}
</style>"""


@guarded()
def screen(found: list[Entry]) -> None:
    """Everything below the page's head."""
    st.html(_STYLE)
    manage.import_panel()
    manage.notice()
    if not found:
        st.info(
            "No checkpoint is installed. Train one on the page Train, or import one at the left."
        )
        return
    chosen = table.choose(found)
    if chosen is not None:
        _card(chosen)


def head(found: list[Entry]) -> list[str]:
    """How many models there are and whether all are whole."""
    broken = sum(entry.checkpoint is None for entry in found)
    count = "1 model" if len(found) == 1 else f"{len(found)} models"
    return [count, f"{broken} cannot be used" if broken else "every SHA-256 verified"]


def _card(entry: Entry) -> None:
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center"):
        theme.section(entry.name)
        if entry.checkpoint is not None and st.button(
            "Use on Fuse", key="models-use", type="primary", icon=":material/open_in_new:",
            help="Opens Fuse with this model chosen; it stays chosen on the other pages.",
        ):  # fmt: skip
            session.update(method=f"checkpoint:{entry.name}")
            st.switch_page("pages/fuse.py")
        manage.actions(entry)
    manage.confirm(entry)
    if entry.checkpoint is None:
        st.error(entry.error, icon=":material/error:")
        return
    if summary := str(entry.checkpoint.metadata.get("summary", "")):
        st.text(" ".join(summary.split()))
    left, right = st.columns(2, gap="large")
    with left:
        st.html(texts.facts_html(texts.facts(entry.checkpoint)))
        st.caption("SHA-256 of settings and weights, verified when the file was read:")
        st.code(entry.checkpoint.sha256, language=None, wrap_lines=True)
        if command := str(entry.checkpoint.metadata.get("command", "")):
            st.caption("Trained with:")
            st.code(command, language="sh", wrap_lines=True)
    with right, guarded():
        _glance(entry)
    _scores(entry)
    theme.section("Use and limits")
    st.markdown(texts.use_and_limits(_card_file(entry)))
    exports(entry)


def _glance(entry: Entry) -> None:
    """The model at work on the first bundled case: its image and every mask."""
    case = next(iter(CASES.values()))
    how = caches.method("checkpoint", entry.name)
    fused = caches.fuse(*caches.case_sources(case.name), (None, None), how)
    theme.section("At a glance", f"{case.title}, a synthetic head. Open Fuse or Masks to look.")
    picture, masks = st.columns([1, 2])
    picture.image(fused.pair.fused8, output_format="PNG", caption="Fused", width="stretch")
    with masks, st.container(key="models-masks"):
        found = fused.pair.result.masks
        if found is None or how.config is None:
            st.caption("This model has no masks: nothing in its image can be traced to a source.")
            return
        convex = len(how.config.gates) == 1
        mask_thumbnails(found.ct, "CT", convex)
        if convex:
            st.caption("The MRI's masks are 1 minus these.")
        else:
            mask_thumbnails(found.mri, "MRI", convex)


def _scores(entry: Entry) -> None:
    theme.section("Scores")
    scores = entry.scores
    if not scores:
        st.caption(
            "The file brings no scores. Measure it on the page Compare, or publish it from the "
            "shell: python cli.py publish."
        )
        return
    label = next(iter(scores))
    if len(scores) > 1:
        label = st.selectbox("Data set", list(scores), key=f"models-scores-{entry.name}")
    st.html(texts.scores_html(scores[label]))
    st.caption(texts.scores_note(scores[label]))


def _card_file(entry: Entry) -> str | None:
    if entry.checkpoint is None:
        return None
    try:
        return entry.checkpoint.path.with_suffix(".md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
