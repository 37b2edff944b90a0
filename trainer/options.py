"""What is known of one training setting: kind, range and plain words, and how to check a value."""

import math
import types
from dataclasses import dataclass, field
from typing import Any, Literal, Union, get_args, get_origin

Kind = Literal["int", "float", "bool", "choice", "text", "list", "numbers", "model", "loss"]
Group = Literal["model", "loss", "schedule", "data", "augmentation", "safety", "machine"]


@dataclass(frozen=True)
class Option:
    """What a flag or a form field shows for one setting.

    Attributes:
        name: the field's name; the flag is ``--name`` with dashes.
        kind: how a value is read: "numbers" is a list of whole numbers, "list" a list of words.
        default: the value of the published table.
        help: plain words.
        group: where forms fold it.
        low, high: the range, both ends allowed.
        choices: the allowed words.
        optional: whether "none" is allowed.
        of_model: whether it belongs to the model's own settings.
    """

    name: str
    kind: Kind
    default: Any
    help: str
    group: Group
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    optional: bool = False
    of_model: bool = False

    @property
    def range_text(self) -> str:
        """The allowed values in words, empty where everything is allowed."""
        if self.choices:
            words = ", ".join(self.choices)
        elif self.low is not None and self.high is not None:
            words = f"{self.low:g} to {self.high:g}"
        else:
            words = ""
        return f"{words} or none" if words and self.optional else words


def about(
    text: str,
    group: Group,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    kind: Kind | None = None,
) -> dict[str, Any]:
    """The metadata of a setting's dataclass field."""
    return {
        "help": text,
        "group": group,
        "low": low,
        "high": high,
        "choices": choices,
        "kind": kind,
    }


def setting(
    default: Any,
    text: str,
    group: Group,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    kind: Kind | None = None,
) -> Any:
    """A dataclass field with its range and plain words."""
    return field(default=default, metadata=about(text, group, low, high, choices, kind))


def number(option: Option, text: str, kind: type[int] | type[float]) -> int | float:
    """Read a number, or say which setting needs one."""
    try:
        return kind(text)
    except ValueError:
        word = "a whole number" if kind is int else "a number"
        raise ValueError(f"{option.name} must be {word}, got {text!r}.") from None


def checked(option: Option, value: Any) -> Any:
    """The value, numbers in the field's type, or a sentence that names field and range."""
    name = option.name
    if value is None and option.optional:
        return None
    if option.kind == "int":
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{name} must be a whole number ({option.range_text}), got {value!r}.")
    elif option.kind == "float":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name} must be a number ({option.range_text}), got {value!r}.")
        value = float(value)
    elif option.kind == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, got {value!r}.")
    elif option.kind == "numbers":
        if isinstance(value, str) or not all(isinstance(v, int) for v in value):
            raise ValueError(f"{name} must be a list of whole numbers, got {value!r}.")
        value = tuple(value)
    elif not isinstance(value, str):
        raise ValueError(f"{name} must be text, got {value!r}.")
    elif option.choices and value not in option.choices:
        raise ValueError(f"{name} must be one of {', '.join(option.choices)}; got {value!r}.")
    if isinstance(value, int | float) and option.low is not None and option.high is not None:
        outside = math.isnan(value) or not option.low <= value <= option.high
        if outside:
            raise ValueError(f"{name} must be {option.range_text}, got {value}.")
    return value


def kind_of(hint: Any, choices: tuple[str, ...]) -> tuple[Kind, bool]:
    """Kind of a setting by its type, and whether None is allowed."""
    arguments = get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        inner = next(a for a in arguments if a is not type(None))
        return kind_of(inner, choices)[0], type(None) in arguments
    if choices or get_origin(hint) is Literal:
        return "choice", False
    if get_origin(hint) is tuple:
        return ("numbers" if arguments[0] is int else "list"), False
    kinds: dict[Any, Kind] = {int: "int", float: "float", bool: "bool"}
    return kinds.get(hint, "text"), False
