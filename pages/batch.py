"""Batch: fuse a folder or zip of pairs in the background, watch it, and take the results home."""

import streamlit as st

from ui import theme
from ui.batch.form import new_batch
from ui.batch.view import batch_view
from ui.guard import guarded
from ui.training import look

look.dress()
theme.page_head("Batch", ("every pair of a folder or zip, in the background",))
left, right = st.columns([4, 8], gap="large")
with left, guarded():
    new_batch()
with right, guarded():
    batch_view()
