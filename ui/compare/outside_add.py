"""Controls that bring images which another program fused: an upload, or a folder."""

from collections.abc import Callable, Sequence

import streamlit as st

from ui.compare import outside
from ui.guard import explain


def add_images(
    prefix: str,
    caption: str,
    label: str,
    text: str,
    added: Callable[[str], None],
    kinds: str | Sequence[str] | None = None,
) -> None:
    """Draw a drop zone and a folder's field, and what was wrong with the last try.

    Args:
        prefix: of the keys of widgets and state.
        caption: which images will do.
        label, text: of the drop zone, and its help.
        added: called with the key of the new entry, before the next run.
        kinds: endings that the drop zone takes; all where None.
    """
    upload, folder, problem = f"{prefix}-upload", f"{prefix}-folder", f"twf_{prefix}_problem"

    def take(make: Callable[[], str]) -> None:
        st.session_state.pop(problem, None)
        try:
            key = make()
        except Exception as error:
            st.session_state[problem] = explain(error)
            return
        added(key)

    def uploaded() -> None:
        if (file := st.session_state.get(upload)) is not None:
            take(lambda: outside.add_upload(file.getvalue(), file.name))

    def named() -> None:
        if path := str(st.session_state.get(folder) or "").strip():
            take(lambda: outside.add_folder(path))

    st.caption(caption)
    st.file_uploader(label, type=kinds, key=upload, on_change=uploaded, help=text)
    st.text_input("Folder on this computer", key=folder, placeholder="/path/to/fused")
    st.button("Add folder", key=f"{folder}-add", on_click=named)
    if sentence := st.session_state.get(problem):
        st.error(sentence, icon=":material/error:")
