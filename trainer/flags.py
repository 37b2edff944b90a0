"""Command-line flags for every training setting, generated from :mod:`trainer.config`."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.extensions import ExtensionFile, load_extensions, load_recorded
from trainer.config import OPTIONS, Option, TrainConfig, parse_option
from trainer.data import CTMRIDataset, open_folder
from trainer.presets import PRESETS, preset
from trainer.run_folder import RunError, RunFolder
from trainer.sources import source_from

DEFAULT_PRESET = "default"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add what ``train`` takes: folders, preset, file, and one flag per setting, in groups."""
    parser.add_argument(
        "data", nargs="?", metavar="DATA_DIR", type=Path, help="folder with CT/ and MRI/"
    )
    parser.add_argument("--out", type=Path, metavar="RUN_DIR", help="folder for the new run")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="go on with an interrupted run")
    parser.add_argument(
        "--print-config", action="store_true", help="print the settings as JSON and end"
    )
    add_settings(parser)


def add_settings(parser: argparse.ArgumentParser, without: Sequence[str] = ()) -> None:
    """Add preset, file, extension file, and one flag per setting, in groups.

    Args:
        parser: what is to take them.
        without: settings that get no flag.
    """
    parser.add_argument(
        "--preset", metavar="NAME", help=f"{', '.join(PRESETS)} (default: {DEFAULT_PRESET})"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="JSON of settings, as --print-config writes it"
    )
    parser.add_argument(
        "--extensions",
        type=Path,
        metavar="FILE.py",
        help="own losses and metrics: a Python file, which is run (docs/training.md)",
    )
    groups: dict[str, Any] = {}
    for option in OPTIONS.values():
        if option.name in without:
            continue
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        groups[option.group].add_argument(
            f"--{option.name.replace('_', '-')}",
            dest=option.name,
            type=_reader(option.name),
            default=argparse.SUPPRESS,
            **({"nargs": "?", "const": True} if option.kind == "bool" else {}),
            metavar=_placeholder(option),
            help=_help(option),
        )


@dataclass(frozen=True)
class OpenedRun:
    """What a command line asks to train.

    Attributes:
        folder: where the run is kept.
        config: its settings.
        data: its images.
    """

    folder: Path
    config: TrainConfig
    data: CTMRIDataset


def open_run(args: argparse.Namespace) -> OpenedRun:
    """A new run from ``--out`` and DATA_DIR, or the one that ``--resume`` names.

    A run that goes on has its own settings, changed by flags alone, and its own data folder unless
    DATA_DIR gives where it lies now.

    Raises:
        ValueError: settings, run folder or data cannot be used.
    """
    if args.resume is None:
        config = read_config(args)
        return OpenedRun(args.out, config, open_folder(args.data, config))
    run = RunFolder(args.resume)
    config = run.config()
    if args.extensions is not None:
        config = config.with_options({"extensions": load_extensions(args.extensions).file})
    elif config.extensions is not None:
        load_recorded(config.extensions)
    config = config.with_options(_given(args))
    if args.data is not None:
        return OpenedRun(args.resume, config, open_folder(args.data, config))
    origin = run.read_json("data.json").get("origin")
    if not isinstance(origin, dict):
        raise RunError(f"{run.path} does not say where its data lie; give DATA_DIR as well.")
    source = source_from(origin, config.patient_pattern, config.patient_table)
    return OpenedRun(args.resume, config, CTMRIDataset(source, config))


def config_json(config: TrainConfig) -> str:
    """The settings as ``--config`` reads them."""
    return json.dumps(config.to_dict(), indent=2)


def read_config(args: argparse.Namespace) -> TrainConfig:
    """The settings that a command line asks for: preset, then file, then flags.

    Args:
        args: parsed by a parser that :func:`add_flags` has extended.

    Raises:
        ValueError: the preset is unknown, the file is not a JSON object of settings, or a value
            is out of range.
    """
    config = preset(args.preset or DEFAULT_PRESET)
    if args.config is not None:
        values = _read_json(args.config)
        if args.extensions is None:
            values |= _named_extensions(values, args.config)
        else:
            values.pop("extensions", None)
        config = config.with_options(values)
    if args.extensions is not None:
        config = config.with_options({"extensions": load_extensions(args.extensions).file})
    return config.with_options(_given(args))


def load_named_early(arguments: Sequence[str]) -> None:
    """Run the extension file that a command line names, before its other flags are read.

    So ``--loss`` knows the names that the file brings, wherever it stands. What else is wrong with
    the words is left to the parser.

    Raises:
        ValueError: the extension file cannot be used.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for flag in ("--extensions", "--config", "--resume"):
        parser.add_argument(flag, type=Path, nargs="?")
    named, _ = parser.parse_known_args(list(arguments))
    if named.extensions is not None:
        load_extensions(named.extensions)
    elif named.config is not None and named.config.is_file():
        _named_extensions(_read_json(named.config), named.config)
    elif named.resume is not None and RunFolder(named.resume).begun:
        file = RunFolder(named.resume).config().extensions
        if file is not None:
            load_recorded(file)


def _named_extensions(values: Mapping[str, Any], config: Path) -> dict[str, Any]:
    """Run the extension file that a configuration on disk names, by path or path and sha256."""
    named = values.get("extensions")
    if isinstance(named, str):  # written by hand: beside the configuration
        return {"extensions": load_extensions(config.parent / named).file}
    if isinstance(named, Mapping):
        return {"extensions": load_recorded(ExtensionFile.from_dict(named)).file}
    return {}


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """The settings whose flags were given."""
    return {name: getattr(args, name) for name in OPTIONS if hasattr(args, name)}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # not JSON, or not text at all
        raise ValueError(f"{path} is not a JSON file: {error}.") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold a JSON object of settings, not a list or a value.")
    return values


def _reader(name: str) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return parse_option(name, text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def _placeholder(option: Option) -> str:
    kinds = {"int": "N", "float": "X", "bool": "true|false", "numbers": "N,N", "list": "NAME,NAME"}
    return kinds.get(option.kind, "NAME" if option.choices else "TEXT")


def _help(option: Option) -> str:
    extra = f" ({option.range_text})" if option.range_text else ""
    return f"{option.help}{extra}".replace("%", "%%")
