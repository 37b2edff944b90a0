"""Check this folder: its files are whole, and fuse.py makes the expected image here.

    python check.py

Ends with 0 where every value agrees within 1e-5 (black is 0, white is 1), else with 1.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE / "example"
TOLERANCE = 1e-5


def main() -> int:
    config = json.loads((HERE / "config.json").read_text(encoding="utf-8"))
    for name, expected in config["files"].items():
        path = HERE / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            print(f"error: {name} is missing or was changed; copy the folder again.")
            return 1
    print(f"{len(config['files'])} files are whole.")
    with tempfile.TemporaryDirectory() as folder:
        out, details = Path(folder) / "fused.npy", Path(folder) / "details.npz"
        command = [sys.executable, HERE / "fuse.py", EXAMPLE / "ct.npy", EXAMPLE / "mri.npy"]
        done = subprocess.run(
            [*map(str, command), "-o", str(out), "--details", str(details)], check=False
        )
        if done.returncode:
            return 1
        made = {"fused": np.load(out)}
        with np.load(details) as parts:
            made |= {name: parts[name] for name in parts.files if name.endswith("_part")}
    holds = True
    for path in sorted(EXAMPLE.glob("expected_*.npy")):
        name = path.stem.removeprefix("expected_")
        expected = np.load(path)
        same = name in made and made[name].shape == expected.shape
        apart = float(np.abs(made[name] - expected).max()) if same else float("inf")
        holds &= apart <= TOLERANCE
        print(f"{name}: largest difference {apart:.1e}, allowed {TOLERANCE:.0e}")
    print("The model computes here what it computed where it was exported." if holds else "WRONG")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
