"""Compare: methods side by side on one pair, or over a data set with its statistics."""

from ui.compare import shell

shell.page()
