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
page = st.navigation(
    [
        st.Page("pages/fuse.py", title="Fuse", url_path="fuse", default=True),
        st.Page("pages/masks.py", title="Masks", url_path="masks"),
        st.Page("pages/provenance.py", title="Provenance", url_path="provenance"),
        st.Page("pages/whatif.py", title="What-if", url_path="what-if"),
        st.Page("pages/alignment.py", title="Alignment", url_path="alignment"),
        st.Page("pages/lab.py", title="Wavelet lab", url_path="lab"),
        st.Page("pages/train.py", title="Train", url_path="train"),
        st.Page("pages/about.py", title="About", url_path="about"),
    ],
    position="top",
)
with guarded():
    page.run()
