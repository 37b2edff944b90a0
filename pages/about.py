"""About: what this is and is not, data, limits, versions, how to cite."""

from ui import theme
from ui.about import about

theme.page_head("About")
about()
