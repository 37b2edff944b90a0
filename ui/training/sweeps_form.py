"""A new sweep: images, the combinations, the settings that all runs share, and Start."""

from dataclasses import dataclass

import streamlit as st

from fusion_core.losses import LOSSES
from fusion_core.model import FusionConfig
from fusion_core.wavelets import MAX_LEVELS, NAMED_WAVELETS, TWO_TAP_WAVELETS, WAVELETS
from trainer.config import TrainConfig, parse_option
from trainer.data import CTMRIDataset
from trainer.sweep import SWEPT, SweepRun, loss_name, plan_sweep
from trainer.sweep_folder import same_run
from ui.guard import explain
from ui.training import data_panel, state, sweeps_choice, sweeps_launch, sweeps_pace
from ui.training.data_panel import check_images, choose_images, step_heading
from ui.training.fields import own_loss_help
from ui.training.form import FormResult, settings_form
from ui.training.history import duration, sweep_folders
from ui.training.places import jobs, runs_folder
from ui.training.sources import SourceChoice

MOST_RUNS = 1000
_ERROR = "twf_sweep_error"


@dataclass(frozen=True)
class Combinations:
    """What a sweep varies; ``problems`` holds one sentence per value that cannot be used."""

    wavelets: tuple[str, ...]
    levels: tuple[int, ...]
    losses: tuple[str, ...]
    seeds: tuple[int, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The runs of the form's choices; none where ``problems`` says what is wrong."""

    runs: tuple[SweepRun, ...]
    notes: tuple[str, ...]
    problems: tuple[str, ...]


def new_sweep() -> None:
    """Draw the form: images at the left, what to train at the right."""
    left, right = st.columns([5, 6], gap="large")
    with left:
        step_heading(1, "Images")
        choice = choose_images()
        report = st.container()
    with right:
        step_heading(2, "Combinations", "Every combination is trained with every seed.")
        chosen = combinations()
        step_heading(3, "Settings of all runs")
        form = settings_form(state.patients(_signature(choice)), SWEPT, "train-sweep-name")
        plan = plan_of(form, chosen)
        for problem in plan.problems:
            st.error(problem, icon=":material/error:")
        start = st.container()
    with report:
        data = check_images(choice, form.config)
    state.set_patients(_signature(choice), tuple(data.report.patients) if data else ())
    with start:
        _start(choice, form, plan, data)


def _signature(choice: SourceChoice | None) -> str:
    return "" if choice is None else repr(sorted(choice.origin.items()))


def combinations() -> Combinations:
    """Draw the fields of what is varied."""
    rest = [name for name in WAVELETS if name not in NAMED_WAVELETS]
    state.prepare("train-sweep-wavelets", ["haar", "db4"])
    wavelets = st.multiselect(
        "Wavelets", [*NAMED_WAVELETS, *rest], key="train-sweep-wavelets",
        help=f"The usual ones first, then all {len(WAVELETS)} discrete wavelets. haar and db1 are "
        "one and the same.",
    )  # fmt: skip
    left, right = st.columns(2)
    with left:
        state.prepare("train-sweep-levels", [1])
        levels = st.segmented_control(
            "Levels", list(range(1, MAX_LEVELS + 1)), selection_mode="multi",
            key="train-sweep-levels", width="stretch",
            help="How often the approximation is decomposed again.",
        )  # fmt: skip
    with right:
        state.prepare("train-sweep-seeds", "0, 1, 2")
        seeds = st.text_input(
            "Seeds", key="train-sweep-seeds", help="Whole numbers like 0, 1, 2 or 0-4. Mean and "
            "deviation are over them. A seed fixes the first weights, the order and, unless "
            "validation patients are named, the split.",
        )  # fmt: skip
    state.prepare("train-sweep-losses", ["standard"])
    losses = st.multiselect(
        "Losses", list(LOSSES), key="train-sweep-losses", accept_new_options=True,
        help=f"Names, or type weights. {own_loss_help()}",
    )  # fmt: skip
    for key, value in (
        ("wavelets", wavelets), ("levels", levels), ("seeds", seeds), ("losses", losses)
    ):  # fmt: skip
        state.kept(f"train-sweep-{key}", value)
    return read_combinations(wavelets, list(levels), losses, str(seeds))


def read_combinations(
    wavelets: list[str], levels: list[int], losses: list[str], seeds: str
) -> Combinations:
    """What the fields mean, with a sentence for each that is empty or cannot be read."""
    problems = [
        f"{title}: choose at least one."
        for title, value in (("Wavelets", wavelets), ("Levels", levels), ("Losses", losses))
        if not value
    ]
    named: list[str] = []
    for loss in losses:
        try:
            named.append(loss_name(parse_option("loss", loss)))
        except ValueError as error:
            problems.append(f"Losses: {error}")
    numbers: tuple[int, ...] = ()
    try:
        numbers = read_seeds(seeds)
    except ValueError as error:
        problems.append(str(error))
    return Combinations(
        tuple(wavelets), tuple(sorted(levels)), tuple(dict.fromkeys(named)), numbers,
        tuple(problems),
    )  # fmt: skip


def read_seeds(text: str) -> tuple[int, ...]:
    """Seeds from text like "0, 1, 2" or "0-4".

    Raises:
        ValueError: it holds something else, nothing, or far too many.
    """
    found: list[int] = []
    for part in text.replace(",", " ").split():
        low, dash, high = part.partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise ValueError(f"Seeds: {part[:30]!r} is no whole number or range like 0-4.")
        first, last = int(low), int(high or low)
        if last - first >= MOST_RUNS:
            raise ValueError(f"Seeds: {part[:30]} are too many; give at most {MOST_RUNS}.")
        found += range(first, last + 1)
    if not found:
        raise ValueError("Seeds: give at least one whole number, like 0, 1, 2.")
    return tuple(dict.fromkeys(found))


def plan_of(form: FormResult, chosen: Combinations) -> Plan:
    """The runs that the form's choices make."""
    problems = [*form.problems, *chosen.problems]
    if form.config is None or problems:
        return Plan((), (), tuple(problems))
    base, notes = _for_all(form.config, chosen.wavelets)
    try:
        runs = plan_sweep(base, chosen.wavelets, chosen.levels, chosen.losses, chosen.seeds)
    except ValueError as error:
        return Plan((), (), (str(error),))
    if len(runs) > MOST_RUNS:
        sentence = f"These are {len(runs)} runs; a sweep holds at most {MOST_RUNS}."
        return Plan((), (), (f"{sentence} Choose fewer combinations or seeds.",))
    return Plan(runs, notes, ())


def _for_all(base: TrainConfig, wavelets: tuple[str, ...]) -> tuple[TrainConfig, tuple[str, ...]]:
    """The settings with gates that every chosen wavelet can have, and what was changed for that."""
    model = base.model
    longer = [name for name in wavelets if name not in TWO_TAP_WAVELETS]
    if not isinstance(model, FusionConfig) or not model.bounded or not longer:
        return base, ()
    note = (
        f"Bounded is off in all runs, so that they compare: {', '.join(longer[:4])} cannot be "
        "bounded."
    )
    return base.with_options({"bounded": False}), (note,)


def _start(
    choice: SourceChoice | None, form: FormResult, plan: Plan, data: CTMRIDataset | None
) -> None:
    step_heading(4, "Start")
    if not plan.runs:
        st.caption("Mend what is named above first.")
    elif choice is None:
        st.caption("Choose images first.")
    elif data is None:
        st.html(f"<div class='twf-plan'>{_product(plan.runs)}.</div>")
        st.caption("Check the images first: the report shows what would be trained on.")
    else:
        _say(plan, data)
    ready = bool(plan.runs) and choice is not None and data is not None
    st.button(
        "Start sweep", icon=":material/play_arrow:", key="train-sweep-start", type="primary",
        disabled=not ready, on_click=_go, args=(choice, form, plan, data),
    )  # fmt: skip
    if message := st.session_state.pop(_ERROR, None):
        st.error(message, icon=":material/error:")


def _product(runs: tuple[SweepRun, ...]) -> str:
    """How many runs, and of what; HTML made of numbers only."""
    counts = [len({getattr(run, key) for run in runs}) for key in SWEPT]
    words = ("wavelet", "level", "loss", "seed")
    parts = [f"{n} {_plural(word, n)}" for n, word in zip(counts, words, strict=True)]
    return f"<b>{len(runs)}</b> run{'s' * (len(runs) > 1)}: {' × '.join(parts)}"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}es" if word.endswith("s") else f"{word}s"


def _say(plan: Plan, data: CTMRIDataset) -> None:
    """What Start will do, how much of it is there already, and how long it will take."""
    config = plan.runs[0].config
    fingerprint = data.report.fingerprint
    others = sweep_folders(runs_folder())
    left = tuple(run for run in plan.runs if same_run(run, fingerprint, others) is None)
    taken = len(plan.runs) - len(left)
    found = sweeps_pace.estimate(left, data.report.train)
    alive = sum(seen.alive for seen in jobs().snapshots())
    sentences = [f"{_product(plan.runs)}, {config.epochs} epochs each."]
    if taken:
        sentences.append(
            f"<b>{taken}</b> of them {'is' if taken == 1 else 'are'} done already, with these "
            "settings and images, in an earlier sweep: "
            f"{'its result is' if taken == 1 else 'their results are'} taken over."
        )
    if left:
        sentences.append(time_text(found))
    if alive:
        sentences.append(f"It waits in the queue behind {alive} run{'s' * (alive > 1)}.")
    st.html(f"<div class='twf-plan'>{' '.join(sentences)}</div>")
    for note in plan.notes:
        st.caption(note)
    if left and found.known < found.kinds and not alive:
        st.button(
            "Measure the time", icon=":material/timer:", key="train-sweep-measure",
            on_click=_measure, args=(left, data),
            help="Trains a few steps of up to six combinations and throws them away.",
        )  # fmt: skip


def time_text(found: sweeps_pace.Estimate) -> str:
    """How long it will take, and how that is known; HTML made of numbers only."""
    if found.seconds is None:
        return "How long it takes is unknown: nothing like it was trained here yet."
    text = f"About <b>{duration(found.seconds)}</b> by the speed of runs like these"
    if found.known < found.kinds:
        text += f", known for {found.known} of {found.kinds} combinations"
    if not found.whole:
        text += "; beginning and measuring each run come on top"
    return f"{text}."


def _measure(runs: tuple[SweepRun, ...], data: CTMRIDataset) -> None:
    try:
        sweeps_pace.try_out(runs, data)
    except Exception as error:
        st.session_state[_ERROR] = _sentence(error)


def _go(choice: SourceChoice, form: FormResult, plan: Plan, data: CTMRIDataset) -> None:
    try:
        kept = None
        if choice.kind == "phantom":
            kept = data_panel.kept_source(choice, choice.signature(), plan.runs[0].config)
        name = sweeps_launch.start(form.name, plan.runs, choice, data.report.fingerprint, kept)
    except Exception as error:
        st.session_state[_ERROR] = _sentence(error)
        return
    sweeps_choice.choose(name)


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError | OSError) else explain(error)
