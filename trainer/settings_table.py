"""The table of training settings in the documentation, made from the settings themselves.

    python -m trainer.settings_table docs/training.md

replaces what stands between the two marks; a test holds the file in step.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.config import OPTIONS, Option

BEGIN = "<!-- settings: python -m trainer.settings_table docs/training.md -->"
END = "<!-- end of settings -->"


def settings_table() -> str:
    """Markdown tables of every setting, one per group: flag, default, range and plain words."""
    groups: dict[str, list[Option]] = {}
    for option in OPTIONS.values():
        groups.setdefault(option.group, []).append(option)
    parts = []
    for group, options in groups.items():
        lines = [f"**{group}**", "", "| flag | default | allowed | meaning |", "|---|---|---|---|"]
        lines += [_row(option) for option in options]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def updated(text: str) -> str:
    """A document with the table between its marks made anew.

    Raises:
        ValueError: the marks are missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The document must hold the lines {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n\n{settings_table()}\n\n{END}{after}"


def _row(option: Option) -> str:
    flag = f"`--{option.name.replace('_', '-')}`"
    cells = (flag, _default(option), option.range_text, option.help)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _default(option: Option) -> str:
    value: Any = option.default
    if option.kind == "model":
        return "seed"
    if option.kind == "loss":
        return "standard"
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def main(words: Sequence[str]) -> None:
    """Bring the tables of the named documents up to date."""
    for word in words:
        path = Path(word)
        path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
