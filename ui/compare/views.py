"""The views of the Compare page by their titles, in the order of the switch."""

from collections.abc import Callable

from ui.compare.pair_view import pair_view
from ui.compare.state import ONE_PAIR

VIEWS: dict[str, Callable[[], None]] = {ONE_PAIR: pair_view}
"""Each draws its rail and everything below the switch, and guards itself."""
