"""The library as README.md shows it, from the source tree and as an installed package."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def example() -> str:
    """The README's one Python block."""
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    return str(block)


def run_example(folder: Path, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", example()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(path), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_example_runs(tmp_path: Path) -> None:
    """The five lines print the four bands and an error of rounding."""
    assert len(example().strip().splitlines()) <= 6
    printed = run_example(tmp_path, ROOT)
    assert "('LL', 'LH', 'HL', 'HH')" in printed
    assert float(printed.split()[-1]) < 1e-5


def test_the_wheel_lists_every_package() -> None:
    """No subpackage of fusion_core is left out of pyproject.toml."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(file.parent.relative_to(ROOT).parts)
        for file in (ROOT / "fusion_core").rglob("__init__.py")
    }
    assert set(listed) == found | {"fusion_core.weights"}


@pytest.mark.slow
def test_pip_install_gives_fusion_core_with_its_checkpoints(tmp_path: Path) -> None:
    """Installed away from the source tree, the same example finds the default checkpoint."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "fusion_core", "checkpoints"):
        subprocess.run(["cp", "-r", str(ROOT / name), str(source / name)], check=True)
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    flags = ["--no-deps", "--no-build-isolation", "--target", str(target), str(source)]
    subprocess.run([*pip, *flags], check=True, timeout=300)
    assert (target / "fusion_core" / "weights" / "default.safetensors").is_file()
    assert "('LL', 'LH', 'HL', 'HH')" in run_example(tmp_path, target)
