"""Who may import whom, read from the source; and what an import must not pull in."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"fusion_core", "imaging", "pipelines", "trainer", "ui", "pages", "app", "cli", "commands"}

MAY_USE = {
    "fusion_core": {"fusion_core"},
    "imaging": {"imaging"},
    "pipelines": {"pipelines", "fusion_core", "imaging"},
    "trainer": {"trainer", "pipelines", "fusion_core", "imaging"},
    "ui": {"ui", "trainer", "pipelines", "fusion_core", "imaging"},
    "pages": {"ui", "trainer", "pipelines", "fusion_core", "imaging"},
    "app": {"ui", "trainer", "pipelines", "fusion_core", "imaging"},
    "commands": {"commands", "trainer", "pipelines", "fusion_core", "imaging"},
    "cli": {"commands"},
}
"""Our own packages that each may import; nobody imports pages, app or cli."""

SCIENCE = {
    "torch", "numpy", "pywt", "pytorch_wavelets", "skimage", "cv2", "safetensors", "scipy"
}  # fmt: skip
FILES = {"numpy", "PIL", "cv2", "pydicom", "highdicom", "nibabel", "SimpleITK"}
SCREENS = {"streamlit", "plotly"}


def sources(package: str) -> list[Path]:
    """Python files of a package, or the one file of that name."""
    single = ROOT / f"{package}.py"
    return [single] if single.is_file() else sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, wherever in it."""
    package = path.relative_to(ROOT).parts[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or package if not node.level else package


def top(module: str) -> str:
    """The package that a module belongs to."""
    return module.split(".")[0]


def third_party(path: Path) -> set[str]:
    """Packages from outside that a file imports."""
    names = {top(name) for name in imports(path)}
    return names - set(sys.stdlib_module_names) - OURS


@pytest.mark.parametrize("package", sorted(MAY_USE))
def test_packages_import_only_what_stands_below_them(package: str) -> None:
    """No package imports one of ours that its layer does not allow."""
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(package)
        for name in imports(path)
        if top(name) in OURS and top(name) not in MAY_USE[package]
    }
    assert not wrong


@pytest.mark.parametrize(("package", "allowed"), [("fusion_core", SCIENCE), ("imaging", FILES)])
def test_the_two_lowest_packages_know_only_their_libraries(package: str, allowed: set[str]) -> None:
    """The science knows no file formats and no screens; imaging knows no torch."""
    assert sources(package)
    wrong = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(package)
        for name in third_party(path) - allowed
    }
    assert not wrong


@pytest.mark.parametrize("package", ["fusion_core", "imaging", "pipelines", "trainer", "cli"])
def test_screens_stay_in_the_app(package: str) -> None:
    """Below ui nothing imports streamlit or plotly, not even inside a function."""
    assert sources(package)
    assert not {path.name for path in sources(package) if third_party(path) & SCREENS}


def test_only_the_checkpoint_module_of_the_science_opens_files() -> None:
    """In fusion_core only checkpoint.py imports pathlib, os, io, tempfile, shutil or pickle."""
    doors = {"pathlib", "os", "io", "tempfile", "shutil", "pickle", "glob"}
    users = {
        path.name for path in sources("fusion_core") if doors & {top(n) for n in imports(path)}
    }
    assert users <= {"checkpoint.py"}


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("fusion_core", ("streamlit", "plotly", "pydicom")),
        ("imaging.read", ("torch", "streamlit")),
        ("pipelines.batch", ("streamlit", "plotly")),
        ("cli", ("torch", "numpy", "streamlit")),
    ],
)
def test_a_fresh_import_pulls_in_no_stranger(module: str, absent: tuple[str, ...]) -> None:
    """In a fresh interpreter, importing a module leaves the packages above it unloaded."""
    code = f"import sys, {module}; print(*(n for n in {absent!r} if n in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ""


def test_the_rule_book_sees_a_violation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of imports finds those inside functions and under aliases."""
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    file = tmp_path / "imaging" / "x.py"
    file.parent.mkdir()
    file.write_text("def f():\n    import torch.nn as n\n    from fusion_core import model\n")
    assert set(imports(file)) == {"torch.nn", "fusion_core"}
    assert third_party(file) == {"torch"}
