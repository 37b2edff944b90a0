"""The first step of a new run: choose images, and see what they hold before training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import streamlit as st

from trainer.config import TrainConfig
from trainer.data import CTMRIDataset
from ui import theme
from ui.guard import explain
from ui.training import data_report, state
from ui.training.sources import KeptSource, Kind, SourceChoice, take_upload

KINDS: dict[Kind, str] = {
    "phantom": "Synthetic heads",
    "folder": "Folder",
    "zip": "Zip upload",
}
SEQUENCES = ("T2", "T1", "FLAIR", "PD")
ZIP_NOTE = (
    "Unpacked into the run's own folder when it starts, and deleted with that run. It goes nowhere "
    "else. At most 200 MB packed and 2 GiB unpacked."
)
_ERROR = "twf_train_upload_error"


def choose_images() -> SourceChoice | None:
    """Draw the choice of images; None until it is complete."""
    state.prepare("train-source", "phantom")
    kind = st.segmented_control(
        "Images", list(KINDS), key="train-source", required=True, width="stretch",
        format_func=lambda key: KINDS[key], label_visibility="collapsed",
    )  # fmt: skip
    kind = cast(Kind, state.kept("train-source", kind or "phantom"))
    if kind == "phantom":
        return _phantom()
    return _folder() if kind == "folder" else _zip()


def _phantom() -> SourceChoice:
    st.caption(
        "CT and MRI of synthetic heads, computed here: no patient's image, perfectly aligned. "
        "Each head counts as one patient."
    )
    columns = [*st.columns(3), *st.columns(3)]
    heads, slices, side, seed = (
        _count(column, *line)
        for column, line in zip(
            columns,
            (
                ("heads", "Heads", 6, 1, 2000, "How many different heads."),
                ("slices", "Slices each", 4, 1, 64, "Slices of each head, evenly spaced."),
                ("side", "Pixels", 256, 32, 512, "Side of the drawn images; fewer is faster."),
                ("seed", "First head", 0, 0, 10**6, "Number of the first head; others follow."),
            ),
            strict=False,
        )
    )
    state.prepare("train-phantom-sequence", SEQUENCES[0])
    with columns[4]:
        sequence = st.selectbox(
            "MRI", SEQUENCES, key="train-phantom-sequence", help="Contrast of the MRI."
        )
    state.kept("train-phantom-sequence", sequence)
    origin = {
        "kind": "phantom", "heads": heads, "slices": slices, "size": side, "seed": seed,
        "sequence": sequence,
    }  # fmt: skip
    return SourceChoice("phantom", origin)


def _count(column: Any, name: str, label: str, start: int, low: int, high: int, text: str) -> int:
    key = f"train-phantom-{name}"
    state.prepare(key, start)
    with column:
        value = st.number_input(
            label, low, high, step=1, key=key, help=f"{text} Range: {low} to {high}."
        )
    return int(state.kept(key, value))


def _folder() -> SourceChoice | None:
    state.prepare("train-folder", "")
    path = st.text_input(
        "Folder that holds CT/ and MRI/", key="train-folder", placeholder="/data/brains",
        help="A path on the computer that runs this program. CT and MRI of one pair have the same "
        "file name. Nothing is copied or changed there.",
    )  # fmt: skip
    text = str(state.kept("train-folder", path)).strip()
    if not text:
        st.caption("CT and MRI of one pair have the same file name, like CT/2004.png, MRI/2004.png")
        return None
    folder = Path(text).expanduser()
    if not folder.is_dir():
        st.error(f"{text} is not a folder on this computer; check the path.", icon=_ICON)
        return None
    return SourceChoice("folder", {"kind": "folder", "path": str(folder.resolve())})


def _zip() -> SourceChoice | None:
    def changed() -> None:
        file: Any = st.session_state.get("train-zip")
        st.session_state.pop(_ERROR, None)
        if file is None:
            return  # what is in use stays until another one replaces it
        try:
            state.set_upload(take_upload(file.getvalue(), file.name))
        except Exception as error:
            st.session_state[_ERROR] = explain(error)

    st.file_uploader(
        "Zip of CT/ and MRI/", key="train-zip", on_change=changed,
        help="Only images in folders CT and MRI are unpacked, everything else is passed over.",
    )  # fmt: skip
    st.caption(ZIP_NOTE)
    if _ERROR in st.session_state:
        st.error(st.session_state[_ERROR], icon=_ICON)
    upload = state.upload()
    if upload is None:
        return None
    if _ERROR in st.session_state or st.session_state.get("train-zip") is None:
        st.caption(f"In use: {upload.name}, {upload.files} images.")
    origin = {"kind": "folder", "path": str(upload.path), "zip": upload.name}
    return SourceChoice("zip", origin, upload)


_ICON = ":material/error:"


def check_images(choice: SourceChoice | None, config: TrainConfig | None) -> CTMRIDataset | None:
    """Draw the button that reads the images, and their report; None until both are there."""
    if choice is None:
        return None
    try:
        signature = choice.signature()
    except OSError as error:
        st.error(f"The folder cannot be read: {error.strerror or error}.", icon=_ICON)
        return None
    if state.checked() != signature:
        _ask(choice, signature)
        return None
    if config is None:
        st.caption("The report follows once the settings are mended.")
        return None
    try:
        data = dataset(choice, signature, config)
    except (ValueError, OSError) as error:
        st.error(_sentence(error), icon=_ICON)
        return None
    data_report.show(data)
    return data


def _ask(choice: SourceChoice, signature: str) -> None:
    words = "Draw the heads and check" if choice.kind == "phantom" else "Check the images"
    st.button(
        words, icon=":material/fact_check:", on_click=state.set_checked, args=(signature,),
        width="stretch", type="primary", key="train-check",
    )  # fmt: skip
    st.caption("Shows pairs, patients, the split and near-duplicates before anything is trained.")


def dataset(choice: SourceChoice, signature: str, config: TrainConfig) -> CTMRIDataset:
    """The checked images with the split that the settings make of them.

    Raises:
        ValueError: they cannot be used; one sentence.
    """
    source = kept_source(choice, signature, config)
    split = (config.size, config.val_fraction, config.held_out, config.seed)
    return _dataset(repr((signature, _patient_rule(config), split)), source, config)


def kept_source(choice: SourceChoice, signature: str, config: TrainConfig) -> KeptSource:
    """The images in memory, read with a progress bar the first time."""
    source = _source(repr((signature, _patient_rule(config))), choice, config)
    if not source.complete:
        verb = "Drawing" if choice.kind == "phantom" else "Reading"
        bar = st.progress(0.0, f"{verb} …")
        source.read_all(_teller(bar, verb))
        bar.empty()
    return source


def _teller(bar: Any, verb: str) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        bar.progress(done / total, f"{verb} pair {done + 1} of {total}")

    return tell


@st.cache_resource(show_spinner=False, max_entries=2)
def _source(key: str, _choice: SourceChoice, _config: TrainConfig) -> KeptSource:
    return KeptSource(_choice.open(_config))


@st.cache_resource(show_spinner=False, max_entries=3)
def _dataset(key: str, _source: KeptSource, _config: TrainConfig) -> CTMRIDataset:
    return CTMRIDataset(_source, _config)


def _patient_rule(config: TrainConfig) -> tuple[str | None, str | None]:
    return config.patient_pattern, config.patient_table


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"The images cannot be read: {error.strerror or error}; check that they are there."
    return str(error)


def step_heading(number: int, title: str, text: str = "") -> None:
    """A numbered step of the form."""
    theme.section(f"{number}  {title}", text)
