"""The one queue of comparisons that every tab sees, and which of them is looked at."""

import streamlit as st

from pipelines.compare_job import CompareJob, CompareQueue
from trainer.priority import give_way
from ui.compare import state

_CHOSEN = "twf_compare_set"
ADDRESS = "set"


@st.cache_resource(show_spinner=False)
def comparisons() -> CompareQueue:
    """The comparisons of this server, worked on at low priority so that screens answer."""
    return CompareQueue(give_way)


def choose(name: str) -> None:
    """Look at this comparison."""
    st.session_state[_CHOSEN] = name


def chosen() -> CompareJob | None:
    """The one that is looked at: as chosen, as the address says, else the newest."""
    jobs = {job.name: job for job in comparisons().jobs()}
    name = st.session_state.get(_CHOSEN) or st.query_params.get(ADDRESS, "")
    job = jobs.get(name) or next(iter(jobs.values()), None)
    if job is not None:
        choose(job.name)
    return job


def let_go() -> None:
    """Look at no comparison in particular, such as after deleting one."""
    st.session_state.pop(_CHOSEN, None)
    st.query_params.pop(ADDRESS, None)


def keep_address(job: CompareJob | None) -> None:
    """Write what is looked at into the browser's address, so that a reload shows it again."""
    wanted = {"view": state.slug(state.DATA_SET)} | ({} if job is None else {ADDRESS: job.name})
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
