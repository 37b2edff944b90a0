"""The browser's door: page configuration and navigation, nothing else."""

import streamlit as st

from ui import theme
from ui.guard import guarded

st.set_page_config(
    page_title=theme.NAME,
    page_icon=theme.icon(),
    layout="wide",
    initial_sidebar_state="expanded",
)
theme.dress()


def fuse() -> None:
    """The first page has no address of its own; /fuse leads there."""
    st.switch_page("pages/fuse.py")


page = st.navigation(
    [
        st.Page("pages/fuse.py", title="Fuse", url_path="start", default=True),
        st.Page("pages/studies.py", title="Studies", url_path="studies"),
        st.Page("pages/masks.py", title="Masks", url_path="masks"),
        st.Page("pages/provenance.py", title="Provenance", url_path="provenance"),
        st.Page("pages/whatif.py", title="What-if", url_path="what-if"),
        st.Page("pages/alignment.py", title="Alignment", url_path="alignment"),
        st.Page("pages/lab.py", title="Wavelet lab", url_path="lab"),
        st.Page("pages/compare.py", title="Compare", url_path="compare"),
        st.Page("pages/batch.py", title="Batch", url_path="batch"),
        st.Page("pages/train.py", title="Train", url_path="train"),
        st.Page("pages/models.py", title="Models", url_path="models"),
        st.Page("pages/about.py", title="About", url_path="about"),
        st.Page(fuse, title="Fuse", url_path="fuse", visibility="hidden"),
    ],
    position="top",
)
with guarded():
    page.run()
