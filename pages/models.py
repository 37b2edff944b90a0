"""Models: every checkpoint with its card; import one, take one to another program."""

from ui import theme
from ui.models.entries import entries
from ui.models.screen import head, screen

found = entries()
theme.page_head("Models", head(found))
screen(found)
