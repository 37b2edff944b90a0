"""From choices to a task: pairs in a folder, methods ready to fuse, images made elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from imaging.archive import unpack_pairs
from imaging.errors import InputError
from imaging.pairs import find_pairs, listed
from pipelines.cases import CASES, write_cases
from pipelines.compare import Entry, known_patients
from pipelines.compare_job import Task
from ui.compare import entries, outside
from ui.zip_drop import Upload

SourceKind = Literal["folder", "zip", "cases"]


@dataclass(frozen=True)
class Request:
    """What the form says.

    Attributes:
        source: where the pairs are.
        path: the folder, for the source "folder".
        keys: of the entries, see :mod:`ui.compare.entries`.
        reference: one of them.
        pattern: finds the patient in a file name; "" for none.
    """

    source: SourceKind
    path: str
    keys: tuple[str, ...]
    reference: str
    pattern: str


def make_task(request: Request, upload: Upload | None) -> Task:
    """Make a request ready to be worked on; an upload is unpacked into a folder of its own.

    Raises:
        InputError, MethodError, CheckpointError: something in it cannot be used; one sentence.
    """
    scratch = TemporaryDirectory(prefix="fusion-compare-", ignore_cleanup_errors=True)
    try:
        root = Path(scratch.name)
        data, title, source = _data(request, upload, root)
        found = [_entry(key, root / f"entry-{n}") for n, key in enumerate(request.keys)]
        made = _distinct(found)
        names = {key: entry.name for key, entry in zip(request.keys, made, strict=True)}
        return Task(
            title, source, data, tuple(made),
            names.get(request.reference, next(iter(names.values()), "")),
            request.pattern.strip() or None, {name: key for key, name in names.items()}, scratch,
        )  # fmt: skip
    except OSError as error:
        scratch.cleanup()
        raise InputError(
            f"The images cannot be unpacked: {error.strerror or error}; make room on the disk."
        ) from error
    except Exception:
        scratch.cleanup()
        raise


def _data(request: Request, upload: Upload | None, root: Path) -> tuple[Path, str, str]:
    """The folder of the pairs, its title, and where they come from."""
    if request.source == "folder":
        path = Path(request.path)
        return path, path.name, f"folder {path}"
    target = root / "pairs"
    if request.source == "cases":
        write_cases(target)
        return target, "Bundled cases", "synthetic heads"
    if upload is None:
        raise InputError("Choose a zip of CT/ and MRI/ first.")
    unpack_pairs(BytesIO(upload.data), upload.name, target)
    return target, Path(upload.name).stem, f"upload {upload.name}"


def _entry(key: str, place: Path) -> Entry:
    """An entry by its key, named as the shell names it."""
    kind = entries.kind_of(key)
    if kind == outside.FOLDER:
        outside.held(key)
        folder = Path(entries.name_in(key))
        return Entry(folder.name, folder.name, folder=folder)
    if kind == outside.UPLOAD:
        made = outside.held(key)
        return Entry(made.title, made.title, folder=_unpacked(made, place))
    method = entries.method_of(key, None)
    run = entries.run_of(key)
    if run is None:
        return Entry(method.name, method.title, method=method)
    name = Path(run).name if kind == "best" else f"{Path(run).name}-{kind}"
    return Entry(name, entries.title_of(key, None), method=method)


def _unpacked(made: outside.Outside, place: Path) -> Path:
    """The images of an uploaded zip as files; what they are is read from their content."""
    place.mkdir(parents=True)
    for name, read in made.names.items():
        (place / f"{name}.png").write_bytes(read())
    return place


def _distinct(found: Sequence[Entry]) -> list[Entry]:
    """The same entries, a second one of a name or title with a number behind it."""
    made: list[Entry] = []
    for entry in found:
        name = _free(entry.name, [other.name for other in made])
        title = _free(entry.title, [other.title for other in made])
        made.append(replace(entry, name=name, title=title))
    return made


def _free(text: str, taken: Sequence[str]) -> str:
    number, free = 1, text
    while free in taken:
        number += 1
        free = f"{text} ({number})"
    return free


def about_folder(path: Path, pattern: str) -> str:
    """How many pairs and patients a folder holds, in one or two sentences.

    Raises:
        InputError: it holds no pairs, or the pattern does not fit its names.
    """
    return about_names([pair.name for pair in find_pairs(path).pairs], pattern)


def about_cases(pattern: str) -> str:
    """The same of the bundled cases.

    Raises:
        InputError: the pattern does not fit their names.
    """
    return about_names(list(CASES), pattern)


def about_names(names: Sequence[str], pattern: str) -> str:
    """How many pairs and patients there are by the names of the pairs.

    Raises:
        InputError: the pattern does not fit them.
    """
    known = known_patients(names, pattern.strip() or None)
    count = "1 pair" if len(names) == 1 else f"{len(names)} pairs"
    if not known:
        return f"{count}. Their names do not tell the patients; a pattern can."
    patients = tuple(sorted(set(known.values())))
    many = "1 patient" if len(patients) == 1 else f"{len(patients)} patients"
    return f"{count} of {many}: {listed(patients)}."
