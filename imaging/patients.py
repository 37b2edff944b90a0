"""Which patient an image belongs to, told by its name, a pattern or a table."""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path


def patients_of(
    names: Sequence[str], pattern: str | None = None, table: str | Path | None = None
) -> tuple[tuple[str, ...], str]:
    """The patient of every name, and a sentence that says how it was found.

    Without pattern or table, names that are all numbers of four or five digits give the part
    before the last three; other names make each pair its own patient.

    Raises:
        ValueError: the pattern is no regular expression, the table cannot be read, or one of them
            leaves a name without a patient.
    """
    if table is not None:
        known = _read_table(Path(table))
        if missing := [name for name in names if name not in known]:
            raise ValueError(
                f"{Path(table).name} names no patient for {_some(missing)}; add a line for each."
            )
        return tuple(known[name] for name in names), f"Patients come from {Path(table).name}."
    if pattern is not None:
        return _by_pattern(names, pattern), f"Patients are found in the names by {pattern}."
    if all(re.fullmatch(r"\d{4,5}", name, re.ASCII) for name in names):
        return (
            tuple(name[:-3] for name in names),
            "Patients are the names' digits before the last three.",
        )
    return tuple(names), (
        "The names do not tell the patient, so every pair counts as its own patient: slices of "
        "one patient may stand on both sides of the split; give a patient pattern or table."
    )


def _by_pattern(names: Sequence[str], pattern: str) -> tuple[str, ...]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"patient_pattern {pattern!r} is not a regular expression: {error}."
        ) from error
    found = [expression.search(name) for name in names]
    if missing := [name for name, match in zip(names, found, strict=True) if match is None]:
        raise ValueError(f"patient_pattern {pattern!r} finds no patient in {_some(missing)}.")
    # The first group where there is one, else the whole match.
    return tuple(m.group(1 if expression.groups else 0) or "" for m in found if m is not None)


def _read_table(path: Path) -> Mapping[str, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"name", "patient"} <= set(rows.fieldnames or ()):
                raise ValueError(f"{path.name} needs the columns name and patient.")
            return {Path(row["name"]).stem: row["patient"] for row in rows}
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path.name} is not a CSV text file: {error}.") from error


def _some(names: Sequence[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
