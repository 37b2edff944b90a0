"""Train: choose images and settings, watch the run, publish what it made, compare all runs."""

from ui import theme
from ui.training import look, rail, screen

look.dress()
theme.page_head("Train")
view = screen.choose_view()
rail.rail()
screen.show(view)
