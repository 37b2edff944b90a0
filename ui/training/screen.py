"""The Train page: a new run, one run, all of them, or sweeps."""

import streamlit as st

from trainer.data import CTMRIDataset
from ui.guard import explain, guarded
from ui.training import data_panel, launch, state, sweeps_choice
from ui.training.data_panel import check_images, choose_images, step_heading
from ui.training.form import FormResult, settings_form
from ui.training.history import in_sweep, name_of, title_of
from ui.training.live import run_view
from ui.training.places import jobs
from ui.training.runs_table import all_runs
from ui.training.sources import SourceChoice
from ui.training.state import VIEWS, View
from ui.training.sweeps import sweep_view

_START_ERROR = "twf_train_start_error"


def choose_view() -> View:
    """Draw the switch between the page's parts; a new visitor sees what is training."""
    state.honour_request()
    if state.view() is None:
        _first_look()
    state.prepare_view()
    found = st.segmented_control(
        "Part of the page", VIEWS, key=state.VIEW_WIDGET, required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    view: View = found or "New run"
    state.remember_view(view)
    return view


def _first_look() -> None:
    """After a reload: what the address names, else what is alive, else the form."""
    alive = [name_of(s.run_dir) for s in jobs().snapshots() if s.alive and s.state != "queued"]
    wanted = st.query_params.get("run")
    if sweeps_choice.in_address() or (not wanted and in_sweep("".join(alive[:1]))):
        state.go("Sweep")
    elif wanted or alive:
        state.go("Run", wanted or alive[0])
    else:
        state.go("New run")


def show(view: View) -> None:
    """Draw one part of the page."""
    if view == "Sweep":
        sweep_view()
        return
    sweeps_choice.leave()
    if view == "New run":
        st.fragment(_new_run)()
    elif view == "Run":
        _way_back(state.run() or "")
        run_view()
    else:
        all_runs()


def _way_back(run: str) -> None:
    """From a run of a sweep to its sweep."""
    sweep = run.partition("/")[0]
    if in_sweep(run):
        st.button(
            f"Sweep {title_of(sweep)}", icon=":material/arrow_back:", key="train-back-to-sweep",
            type="tertiary", on_click=sweeps_choice.choose, args=(sweep,),
        )  # fmt: skip


@guarded()
def _new_run() -> None:
    """Images, settings, start, side by side: a change redraws only this."""
    state.follow()
    left, right = st.columns([5, 6], gap="large")
    with left:
        step_heading(1, "Images")
        choice = choose_images()
        report = st.container()
    with right:
        step_heading(2, "Settings")
        form = settings_form(_known_patients(choice))
        for problem in form.problems:
            st.error(problem, icon=":material/error:")
        start = st.container()
    with report:
        data = check_images(choice, form.config)
    state.set_patients(_signature(choice), tuple(data.report.patients) if data else ())
    with start:
        _start(choice, form, data)


def _known_patients(choice: SourceChoice | None) -> tuple[str, ...]:
    return state.patients(_signature(choice))


def _signature(choice: SourceChoice | None) -> str:
    return "" if choice is None else repr(sorted(choice.origin.items()))


def _start(choice: SourceChoice | None, form: FormResult, data: CTMRIDataset | None) -> None:
    step_heading(3, "Start")
    if form.config is not None and data is not None:
        st.html(f"<div class='twf-plan'>{plan(form, data)}</div>")
    elif choice is None:
        st.caption("Choose images first.")
    elif form.config is None:
        st.caption("Mend the settings named above first.")
    else:
        st.caption("Check the images first: the report shows what would be trained on.")
    ready = choice is not None and form.config is not None and data is not None
    st.button(
        "Start training", icon=":material/play_arrow:", key="train-start", type="primary",
        disabled=not ready, on_click=_go, args=(choice, form),
    )  # fmt: skip
    if message := st.session_state.pop(_START_ERROR, None):
        st.error(message, icon=":material/error:")


def plan(form: FormResult, data: CTMRIDataset) -> str:
    """What Start will do, in one line of HTML made of numbers only."""
    config = form.config
    if config is None:
        return ""
    steps = -(-data.report.train // config.batch_size)
    ahead = sum(seen.alive for seen in jobs().snapshots())
    wait = (
        f" It waits in the queue behind {ahead} run{'s' * (ahead > 1)} on the same device."
        if ahead
        else ""
    )
    return (
        f"<b>{config.epochs}</b> epochs of <b>{steps}</b> step{'s' * (steps != 1)}, "
        f"<b>{data.report.train}</b> pairs to train on and <b>{data.report.val}</b> to validate."
        f"{wait} It goes on when this tab is closed."
    )


def _go(choice: SourceChoice, form: FormResult) -> None:
    if form.config is None:
        return
    try:
        kept = None
        if choice.kind == "phantom":
            kept = data_panel.kept_source(choice, choice.signature(), form.config)
        job = launch.start(form.name, form.config, choice, kept)
    except Exception as error:
        expected = isinstance(error, ValueError | OSError)
        st.session_state[_START_ERROR] = str(error) if expected else explain(error)
        return
    state.request("Run", job.snapshot().name)
