"""Wavelet lab: what the transform does to an image, and what the fusion does with it."""

from ui import theme
from ui.lab import shell

view = shell.current_view()
choice = shell.rail(view)
theme.page_head("Wavelet lab", shell.facts(view, choice))
shell.switch()
shell.show(view, choice)
