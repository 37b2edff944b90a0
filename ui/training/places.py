"""Where runs and published checkpoints lie, what can train, and the one queue of jobs."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
import torch

from fusion_core.checkpoint import checkpoint_folders
from trainer.distributed import gpu_count
from trainer.job import JobQueue

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Device:
    """A device that can train.

    Attributes:
        name: as a setting, "cpu" or "cuda:N".
        title: what it is called.
        memory: bytes; 0 where the system does not tell.
    """

    name: str
    title: str
    memory: int

    @property
    def label(self) -> str:
        """Name and memory on one line."""
        amount = f", {self.memory / 2**30:.0f} GiB" if self.memory else ""
        return f"{self.title}{amount}"


def runs_folder() -> Path:
    """Where all runs lie: $TWF_RUNS, else ``runs/`` beside the app."""
    own = os.environ.get("TWF_RUNS")
    return Path(own) if own else ROOT / "runs"


def published_folder() -> Path:
    """Where published checkpoints go: the first place in which names are looked up."""
    return checkpoint_folders()[0]


@st.cache_resource(show_spinner=False)
def jobs() -> JobQueue:
    """The jobs of this server; every tab sees the same ones."""
    return JobQueue()


@st.cache_resource(show_spinner=False)
def devices() -> tuple[Device, ...]:
    """What can train here, the fastest first."""
    gpus = gpu_count()
    found = []
    for number in range(gpus):
        about = torch.cuda.get_device_properties(number)
        title = about.name if gpus == 1 else f"GPU {number}: {about.name}"
        found.append(Device(f"cuda:{number}", title, about.total_memory))
    cores = os.cpu_count() or 1
    cpu = f"CPU, {cores} core{'s' * (cores > 1)}"
    if name := _cpu_name():
        cpu = f"{name}, {cores} core{'s' * (cores > 1)}"
    return (*found, Device("cpu", cpu, _memory()))


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    # Vendors' lines end in "@ 2.20GHz" or "8-Core Processor": the name in front is enough.
    return names[0].partition("@")[0].replace("(R)", "").strip() if names else ""


def _memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not on every system
        return 0
