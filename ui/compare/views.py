"""The views of the Compare page by their titles, in the order of the switch."""

from collections.abc import Callable

from ui.compare.data_view import data_view
from ui.compare.pair_view import pair_view
from ui.compare.state import DATA_SET, ONE_PAIR

VIEWS: dict[str, Callable[[], None]] = {ONE_PAIR: pair_view, DATA_SET: data_view}
"""Each draws its rail and everything below the switch, and guards itself."""
