"""docs/training.md says what the program does."""

import re
import shlex

import pytest

from cli import build_parser
from tests.conftest import ROOT
from tests.registered import forgotten_after
from trainer.config import OPTIONS
from trainer.settings_table import BEGIN, END, settings_table, updated

TEXT = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """Every command line of the document as words for the parser."""
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    words = [shlex.split(line.partition(" > ")[0], comments=True) for line in lines]
    return [line[line.index("cli.py") + 1 :] for line in words if "cli.py" in line]


def test_the_table_of_settings_is_in_step() -> None:
    """`python -m trainer.settings_table docs/training.md` would change nothing."""
    assert updated(TEXT) == TEXT
    for option in OPTIONS.values():
        assert f"| `--{option.name.replace('_', '-')}` | " in TEXT


def test_a_setting_that_is_missing_would_be_seen() -> None:
    """A line taken out of the table comes back, and a document without marks is refused."""
    damaged = re.sub(r"\| `--epochs`.*\n", "", TEXT)
    assert damaged != TEXT
    assert updated(damaged) == TEXT
    assert updated(f"a\n{BEGIN}\n{END}\nb") == f"a\n{BEGIN}\n\n{settings_table()}\n\n{END}\nb"
    with pytest.raises(ValueError, match="must hold the lines"):
        updated("nothing")


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_of_the_document_parses(
    words: list[str],
) -> None:
    """The command and all its flags exist."""
    example = str(ROOT / "docs" / "examples" / "extensions.py")
    words = [example if word == "mine.py" else word for word in words]
    with forgotten_after():
        assert build_parser(words).parse_args(words).run


def test_the_example_that_the_document_names_is_there() -> None:
    """The link to the extension file leads somewhere."""
    assert "(examples/extensions.py)" in TEXT
    assert (ROOT / "docs" / "examples" / "extensions.py").is_file()
