"""Training by several processes under torchrun: gloo on CPUs, nccl on GPUs.

    torchrun --standalone --nproc-per-node=2 cli.py train DATA --out RUN

The batch size is that of all processes together. Every loss is a mean over images, so each process
weighs in with the images it holds, and the result is that of one process up to rounding.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    """This process among all that train together.

    Attributes:
        rank: its number, from 0; the first one alone writes files.
        world: how many there are.
    """

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, items: Sequence[int]) -> list[int]:
        """This process's part of a batch; parts differ by one item at most, none is in two."""
        return list(items[self.rank :: self.world])

    def sum(self, values: Sequence[float], device: torch.device) -> list[float]:
        """Sum numbers over all processes, in double precision."""
        if self.world == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=device)
        with _together():
            dist.all_reduce(total)
        return [float(v) for v in total.tolist()]

    def reduce_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Sum the gradients over all processes."""
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        with _together():
            dist.all_reduce(flat)
        parts = torch.split(flat, [g.numel() for g in gradients])
        for g, part in zip(gradients, parts, strict=True):
            g.copy_(part.view(g.shape))

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, in order, on the first one; empty elsewhere."""
        if self.world == 1:
            return [value]
        everything: list[Any] | None = [None] * self.world if self.first else None
        with _together():
            dist.gather_object(value, everything)
        return everything or []

    def from_first(self, value: Any) -> Any:
        """The first process's value, on every process."""
        if self.world == 1:
            return value
        box = [value]
        with _together():
            dist.broadcast_object_list(box)
        return box[0]


class LostError(ValueError):
    """Another process of the run is gone."""


LOST = "Another process of the run has ended early. What was saved is still there; resume the run."


@contextmanager
def _together() -> Iterator[None]:
    """Something that all processes do at once."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # the words of gloo and nccl help nobody
        raise LostError(LOST) from error


def launched() -> bool:
    """Whether torchrun started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_first() -> bool:
    """Whether this process is the one that writes and prints."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def join(device: torch.device) -> Iterator[Ranks]:
    """Meet the other processes that torchrun started; alone without it.

    Args:
        device: where this process trains; decides between gloo and nccl.
    """
    if not launched():
        yield Ranks()
        return
    ours = not dist.is_initialized()
    if ours and device.type == "cuda":
        torch.cuda.set_device(device)  # nccl sends objects by way of the current GPU
        dist.init_process_group("nccl", device_id=device)
    elif ours:
        _meet_here()
        dist.init_process_group("gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        if ours:
            dist.destroy_process_group()


def _meet_here() -> None:
    """Let gloo use the loopback where all processes are on this machine.

    It would take the address that the machine's name stands for, which can be unknown or, after a
    change of networks, another machine's: processes then wait for each other for half an hour.
    """
    if os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"] and os.name == "posix":
        names = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
        if names:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", names[0])


def gpu_count() -> int:
    """CUDA GPUs of this machine."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def devices_of(name: str) -> tuple[str, ...]:
    """The devices that a run takes, each by one process.

    Args:
        name: auto, cpu, cuda, cuda:N, or all for every CUDA GPU of this machine.

    Raises:
        ValueError: there is no such device.
    """
    if name == "all" and gpu_count() > 1 and not launched():
        return tuple(f"cuda:{number}" for number in range(gpu_count()))
    return (str(local_device(name)),)


def local_device(name: str) -> torch.device:
    """The device of this process: the one named, or under torchrun the GPU of its local rank.

    Args:
        name: auto, cpu, cuda, cuda:N or all.

    Raises:
        ValueError: CUDA is asked for and there is none, or not that one; or one process alone is
            to use several GPUs.
    """
    count = gpu_count()
    if name == "cpu" or (name == "auto" and not count):
        return torch.device("cpu")
    if not count:
        raise ValueError(f"device is {name} but this machine has no CUDA GPU; use cpu or auto.")
    if name == "all" and count > 1 and not launched():
        raise ValueError(
            f"device is all, which takes one process for each of the {count} GPUs: start them "
            f"with torchrun --standalone --nproc-per-node={count}."
        )
    default = os.environ.get("LOCAL_RANK", "0") if launched() else "0"
    number = int(name.partition(":")[2] or default)
    if number >= count:
        raise ValueError(f"device is cuda:{number} but the last GPU here is cuda:{count - 1}.")
    return torch.device("cuda", number)


def to_cpu(state: Any) -> Any:
    """A copy of nested tensors on the CPU."""
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {k: to_cpu(v) for k, v in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(to_cpu(v) for v in state)
    return state
