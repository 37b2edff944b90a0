"""Own losses, rules and metrics from a Python file that the user names by path.

The file is run as it is, with all rights of this process: its path comes from the command line or
from a configuration on disk, never from an upload or a web form. What it names in ``LOSSES``,
``RULES`` and ``METRICS`` stands beside the built-in ones until the process ends.
"""

import hashlib
import inspect
import math
import re
import sys
import threading
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusion_core.losses import LOSSES, TERMS, PairStats, Term
from fusion_core.metrics import METRICS, Images, Metric, UndefinedMetric
from fusion_core.model import FusionResult
from fusion_core.rules import RULES, Rule

TABLES = ("LOSSES", "RULES", "METRICS")
"""Names of the dictionaries that an extension file may define."""

_NAME = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
_LOCK = threading.Lock()
_LOADED: dict[str, "Extensions"] = {}


class ExtensionError(ValueError):
    """An extension file cannot be used, or something in it failed; the message says what."""


@dataclass(frozen=True)
class ExtensionFile:
    """Which file a run depends on.

    Attributes:
        path: absolute path; two files of the same contents count as equal.
        sha256: of its bytes.
    """

    path: str = field(compare=False)
    sha256: str

    def to_dict(self) -> dict[str, str]:
        """Plain values, ready for JSON."""
        return {"path": self.path, "sha256": self.sha256}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ExtensionFile":
        """The inverse of :meth:`to_dict`.

        Raises:
            ExtensionError: a value is missing or is no text.
        """
        path, sha256 = values.get("path"), values.get("sha256")
        if set(values) != {"path", "sha256"} or not (isinstance(path, str) and path):
            raise ExtensionError("extensions must have a path and a sha256, and nothing else.")
        if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise ExtensionError("The sha256 of extensions must be 64 hexadecimal digits.")
        return cls(path, sha256)


@dataclass(frozen=True)
class Extensions:
    """What a file brought.

    Attributes:
        file: the file as it was read.
        terms: names of its loss terms.
        losses: names of its weighted sums of terms.
        rules: names of its fusion rules.
        metrics: names of its metrics.
    """

    file: ExtensionFile
    terms: tuple[str, ...]
    losses: tuple[str, ...]
    rules: tuple[str, ...]
    metrics: tuple[str, ...]


def load_extensions(path: str | Path) -> Extensions:
    """Run a Python file and register what its ``LOSSES``, ``RULES`` and ``METRICS`` hold.

    A loss is a function ``(fused, ct, mri) -> (B,)``, or a mapping of terms to weights; a rule a
    function ``(ct, mri) -> (B, 1, H, W)`` or :class:`FusionResult`, or a whole :class:`Rule`; a
    metric a function of :class:`Images` to a number, or a whole :class:`Metric`. Nothing is
    registered unless everything can be; the same file a second time changes nothing.

    Raises:
        ExtensionError: the file is missing, does not run, or holds something of the wrong type or
            under a name that exists.
    """
    where = Path(path).expanduser().resolve()
    with _LOCK:
        return _load(where, _read(where))


def load_recorded(file: ExtensionFile) -> Extensions:
    """Run the file that a run was started with.

    Raises:
        ExtensionError: it is gone, has changed since, or cannot be used.
    """
    where = Path(file.path)
    with _LOCK:
        if file.sha256 in _LOADED:
            return _LOADED[file.sha256]
        if not where.exists():
            raise ExtensionError(
                f"The extension file {where}, which the run needs, is gone; put it back, or name "
                "its new place with --extensions."
            )
        content = _read(where)
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise ExtensionError(
                f"The extension file {where} has changed since the run began; restore it, or start "
                "a new run."
            )
        return _load(where, content)


def is_loaded(file: ExtensionFile) -> bool:
    """Whether that very file, by its contents, was run in this process."""
    return file.sha256 in _LOADED


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ExtensionError(
            f"There is no extension file {path}; give the path of a Python file."
        ) from None
    except OSError as error:
        raise ExtensionError(
            f"The extension file {path} cannot be read: {error.strerror}."
        ) from error


def _load(path: Path, content: bytes) -> Extensions:
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 in _LOADED:
        return _LOADED[sha256]
    tables = _tables(_run(path, content, sha256), path)
    terms: dict[str, Term] = {}
    losses: dict[str, dict[str, float]] = {}
    for name, value in tables["LOSSES"].items():
        _check_name(path, "loss", name, {**TERMS, **LOSSES})
        if isinstance(value, Mapping):
            losses[name] = dict(value)
        else:
            terms[name] = _term(path, name, value)
    for name, weights in losses.items():
        _check_weights(path, name, weights, {**TERMS, **terms})
    rules: dict[str, Rule] = {}
    for name, value in tables["RULES"].items():
        _check_name(path, "rule", name, RULES)
        rules[name] = _rule(path, name, value)
    metrics: dict[str, Metric] = {}
    for name, value in tables["METRICS"].items():
        _check_name(path, "metric", name, METRICS)
        metrics[name] = _metric(path, name, value)
    TERMS.update(terms)
    LOSSES.update(losses)
    RULES.update(rules)
    METRICS.update(metrics)
    _LOADED[sha256] = Extensions(
        ExtensionFile(str(path), sha256), tuple(terms), tuple(losses), tuple(rules), tuple(metrics)
    )
    return _LOADED[sha256]


def _run(path: Path, content: bytes, sha256: str) -> dict[str, Any]:
    """The names that the file's code defines; exactly the bytes that were hashed are run."""
    name = f"user_extensions_{sha256[:12]}"
    module = types.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses and pickle look their module up by name
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)
    except SyntaxError as error:
        del sys.modules[name]
        raise ExtensionError(
            f"The extension file {path} is not valid Python: {error.msg} (line {error.lineno})."
        ) from error
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        words = " ".join(str(error).split())
        raise ExtensionError(
            f"The extension file {path} failed while it ran: {type(error).__name__}: {words}."
        ) from error
    return module.__dict__


def _tables(names: dict[str, Any], path: Path) -> dict[str, dict[Any, Any]]:
    if not any(table in names for table in TABLES):
        raise ExtensionError(
            f"The extension file {path} defines none of {', '.join(TABLES)}; define at least one "
            "as a dictionary of names to functions."
        )
    found = {table: names.get(table, {}) for table in TABLES}
    for table, value in found.items():
        if not isinstance(value, dict):
            raise ExtensionError(
                f"{table} in {path.name} must be a dictionary of names to functions, not "
                f"{type(value).__name__}."
            )
    return found


def _check_name(path: Path, kind: str, name: object, taken: Mapping[str, Any]) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ExtensionError(
            f"{path.name} names a {kind} {name!r}; use letters, digits, dots, dashes and "
            "underscores, beginning with a letter."
        )
    if name in taken:
        raise ExtensionError(
            f"{path.name} names a {kind} {name!r}, which exists already; choose another name."
        )


def _check_weights(
    path: Path, name: str, weights: Mapping[Any, Any], terms: Mapping[str, Any]
) -> None:
    for term, weight in weights.items():
        if term not in terms:
            raise ExtensionError(
                f"The loss {name!r} in {path.name} uses an unknown term {term!r}; valid ones: "
                f"{', '.join(terms)}."
            )
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight >= 0:
            raise ExtensionError(
                f"The loss {name!r} in {path.name} gives {term} the weight {weight!r}; give a "
                "number of at least 0."
            )
    if not any(weight > 0 for weight in weights.values()):
        raise ExtensionError(f"The loss {name!r} in {path.name} needs a term of weight above 0.")


def _callable(
    path: Path, kind: str, name: str, value: Any, kinds: str, count: int, *named: str
) -> None:
    """Refuse what cannot be called with so many arguments, before a run is spent on it."""
    if not callable(value):
        raise ExtensionError(
            f"The {kind} {name!r} in {path.name} must be {kinds}, not {type(value).__name__}."
        )
    try:
        inspect.signature(value).bind(*range(count), **dict.fromkeys(named))
    except TypeError:
        raise ExtensionError(
            f"The {kind} {name!r} in {path.name} must take {count} arguments; it takes "
            f"{inspect.signature(value)}."
        ) from None
    except ValueError:  # a builtin that does not tell its arguments
        return


def _term(path: Path, name: str, function: Any) -> Term:
    kinds = "a function (fused, ct, mri) or a mapping of terms to weights"
    takes_stats = callable(function) and _takes(function, "stats")
    _callable(path, "loss", name, function, kinds, 3, *(["stats"] if takes_stats else []))
    what = f"The loss {name!r} of {path.name}"

    def term(fused: Tensor, ct: Tensor, mri: Tensor, *, stats: PairStats | None = None) -> Tensor:
        extra = {"stats": stats} if takes_stats else {}
        values = _guarded(what, lambda: function(fused, ct, mri, **extra))
        if not isinstance(values, Tensor) or values.shape != fused.shape[:1]:
            got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise ExtensionError(
                f"{what} must give one value per image, a tensor of shape ({len(fused)},), and "
                f"gave {got}."
            )
        return values

    return term


def _rule(path: Path, name: str, value: Any) -> Rule:
    function = value.fn if isinstance(value, Rule) else value
    _callable(path, "rule", name, function, "a function (ct, mri) or a Rule", 2)
    what = f"The rule {name!r} of {path.name}"

    def fuse(ct: Tensor, mri: Tensor) -> FusionResult:
        result = _guarded(what, lambda: function(ct, mri))
        fused = result.fused if isinstance(result, FusionResult) else result
        if not isinstance(fused, Tensor) or fused.shape != ct.shape:
            got = tuple(fused.shape) if isinstance(fused, Tensor) else type(fused).__name__
            raise ExtensionError(
                f"{what} must give a tensor of shape {tuple(ct.shape)} or a FusionResult, and "
                f"gave {got}."
            )
        return result if isinstance(result, FusionResult) else FusionResult(fused)

    if isinstance(value, Rule):
        return replace(value, name=name, fn=fuse)
    return Rule(name, name, _first_sentence(function), fuse)


def _metric(path: Path, name: str, value: Any) -> Metric:
    function = value.fn if isinstance(value, Metric) else value
    _callable(path, "metric", name, function, "a function of Images or a Metric", 1)
    what = f"The metric {name!r} of {path.name}"

    def score(images: Images) -> float:
        try:
            return float(function(images))
        except (UndefinedMetric, MemoryError):
            raise
        except Exception as error:  # one image without this value is no reason to lose the others
            words = " ".join(str(error).split())
            raise UndefinedMetric(f"{what} failed: {type(error).__name__}: {words}.") from error

    if isinstance(value, Metric):
        return replace(value, name=name, fn=score)
    text = _first_sentence(function)
    return Metric(name, name, score, "none", "", (-math.inf, math.inf), text, path.name)


def _guarded(what: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (MemoryError, torch.OutOfMemoryError, ExtensionError):
        raise
    except Exception as error:
        if "memory" in str(error):  # the trainer knows which batch would have fitted
            raise
        words = " ".join(str(error).split())
        raise ExtensionError(f"{what} failed: {type(error).__name__}: {words}.") from error


def _takes(function: Callable[..., Any], name: str) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(p.name == name or p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def _first_sentence(function: Callable[..., Any]) -> str:
    return " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
