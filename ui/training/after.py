"""What can be done with a run that does not train: go on, publish, open in Fuse."""

import streamlit as st

from fusion_core.checkpoint import CheckpointError, load
from trainer.kept import kept_epochs
from trainer.run_folder import RunFolder
from ui import session
from ui.compare import state as compared
from ui.training import launch, state, sweeps_launch
from ui.training.history import RunView, in_sweep
from ui.training.publishing import publish_run

_PROBLEM, _PUBLISHED = "twf_train_problem", "twf_train_published"
CAN_GO_ON = frozenset({"stopped", "interrupted", "failed"})


def actions(view: RunView) -> None:
    """Draw the buttons beside the run's name."""
    folder = RunFolder(view.path)
    if not folder.begun:
        return
    if view.state in CAN_GO_ON:
        st.button(
            "Resume", icon=":material/play_arrow:", key="train-resume", type="primary",
            on_click=resume_run, args=(view.name,),
            help="From the last saved state, as if nothing had happened.",
        )  # fmt: skip
    elif view.state == "done" and view.epochs and not in_sweep(view.name):
        with st.popover("Train longer", icon=":material/play_arrow:"):
            _longer(view)
    publish_button(view)
    if folder.best.is_file() and st.button(
        "Open in Compare", icon=":material/compare:", key="train-compare"
    ):
        moving = f"{'run' if kept_epochs(folder) else 'last'}:{view.name}"
        compared.compare([moving, f"best:{view.name}", "rule:mean"])
        st.switch_page("pages/compare.py")


def publish_button(view: RunView) -> None:
    """Draw the button that puts a run's best weights among the checkpoints, once it has any."""
    folder = RunFolder(view.path)
    if folder.best.is_file():
        with st.popover("Publish", icon=":material/publish:"):
            _publish(view, folder)


def below_message(view: RunView) -> None:
    """What became of the actions: a problem, or a published checkpoint to open."""
    problem(view.name)
    published = st.session_state.get(_PUBLISHED, {}).get(view.name)
    if published is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.success(
                f"{published} is among the checkpoints, with its model card and measured scores.",
                icon=":material/check_circle:",
            )
            _open_in_fuse(published)


def resume_run(name: str, epochs: int | None = None) -> None:
    """Queue a run again and look at it; what is wrong is said where the button is."""
    st.session_state.pop(_PROBLEM, None)
    try:
        if in_sweep(name):
            sweep, _, run = name.partition("/")
            sweeps_launch.resume(sweep, only=run)
        else:
            launch.resume(name, epochs)
    except (ValueError, OSError) as error:
        st.session_state[_PROBLEM] = (name, str(error))
        return
    state.request("Run", name)


def problem(name: str) -> None:
    """Say why a run could not be resumed."""
    found = st.session_state.get(_PROBLEM)
    if found is not None and found[0] == name:
        st.error(found[1], icon=":material/error:")


def _longer(view: RunView) -> None:
    st.caption(
        "Goes on from the last state. Schedules that end with the run (cosine, one-cycle) take up "
        "their course at the new length."
    )
    total = st.number_input(
        "Epochs in all", view.epoch + 1, 100_000, 2 * view.epoch, step=1,
        key=f"train-longer-{view.name}-{view.epoch}",
    )  # fmt: skip
    st.button(
        "Train on", key="train-longer-go", on_click=resume_run, args=(view.name, int(total)),
        type="primary",
    )  # fmt: skip


def _publish(view: RunView, folder: RunFolder) -> None:
    best = f" (epoch {view.best['epoch']})" if view.best is not None else ""
    st.caption(
        f"The best weights{best} are measured on the validation pairs and put among the "
        "checkpoints with a model card. Every screen can use them then."
    )
    with st.form(f"train-publish-{view.name}", border=False):
        name = st.text_input(
            "Checkpoint name", max_chars=60, placeholder="letters, digits, - and _",
            key=f"train-publish-name-{view.name}",
        )  # fmt: skip
        notes = st.text_area(
            "Notes for the model card", height=80, max_chars=2000,
            key=f"train-publish-notes-{view.name}",
            placeholder="What this model is, in a sentence or two",
        )  # fmt: skip
        wanted = st.form_submit_button("Publish", type="primary")
    if wanted:
        _try_publish(view, folder, name.strip(), notes)


def _try_publish(view: RunView, folder: RunFolder, name: str, notes: str) -> None:
    try:
        with st.spinner("Measuring the best weights on the held-out pairs …"):
            path = publish_run(folder, name, notes)
    except (ValueError, OSError) as error:
        st.error(str(error), icon=":material/error:")
        return
    st.session_state.setdefault(_PUBLISHED, {})[view.name] = path.stem
    st.rerun()


def _open_in_fuse(name: str) -> None:
    try:
        load(name)
    except CheckpointError as error:
        st.error(str(error), icon=":material/error:")
        return
    if st.button("Open in Fuse", icon=":material/open_in_new:", key="train-open"):
        session.update(method=f"checkpoint:{name}")
        st.switch_page("pages/fuse.py")
