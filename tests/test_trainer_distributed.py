"""Several processes under torchrun train as one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from tests.conftest import ROOT
from trainer.distributed import Ranks, devices_of, join, local_device
from trainer.run_folder import RunFolder


def curve(run_dir: Path) -> list[tuple[float, float]]:
    history = RunFolder(run_dir).history()
    return [(r["train_total"], r["val_total"]) for r in history if r["kind"] == "epoch"]


@pytest.mark.slow
@pytest.mark.parametrize("batch", [4, 5])
def test_two_processes_follow_the_curve_of_one(tmp_path: Path, batch: int) -> None:
    """Over three epochs, with six pairs in batches of 4 or 5, losses agree to 1e-5."""
    words = (f"batch_size={batch}", "flip=both", "noise=0.05", "learning_rate=0.01")
    program = ["-m", "tests.training_process"]
    # A process that hangs says where, before torchrun is given up.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TWF_TEST_SECONDS": "240"}
    for name, launcher in (
        ("one", []),
        ("two", ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]),
    ):
        command = [sys.executable, *launcher, *program, str(tmp_path / name), "plain", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, timeout=400, check=False, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert len(one) == len(two) == 3
    for a, b in zip(one, two, strict=True):
        assert b == pytest.approx(a, abs=1e-5)
    assert one[0][0] > one[-1][0]


@pytest.mark.parametrize("count", [0, 1, 5, 8])
def test_shares_of_a_batch_cover_it_once(count: int) -> None:
    """Every item is in one process's share, and shares differ by one item at most."""
    parts = [Ranks(rank, 3).share(range(count)) for rank in range(3)]
    assert sorted(item for part in parts for item in part) == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_missing_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """cuda without a GPU is refused with what to use instead; auto falls back to the CPU."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="use cpu or auto"):
        local_device("cuda:1")
    assert str(local_device("auto")) == "cpu"
    with pytest.raises(ValueError, match="device is all but this machine has no CUDA GPU"):
        devices_of("all")


def test_all_gpus_are_one_process_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, a process is told to use torchrun; under it, it takes the GPU of its number."""
    monkeypatch.setattr("trainer.distributed.gpu_count", lambda: 3)
    assert devices_of("all") == ("cuda:0", "cuda:1", "cuda:2")
    assert devices_of("cuda") == ("cuda:0",)
    with pytest.raises(ValueError, match="torchrun --standalone --nproc-per-node=3"):
        local_device("all")
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert devices_of("all") == ("cuda:2",)
    monkeypatch.setattr("trainer.distributed.gpu_count", lambda: 1)
    monkeypatch.delenv("WORLD_SIZE")
    assert devices_of("all") == ("cuda:0",)


def test_each_gpu_is_its_process_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under nccl a process makes its GPU the current one first, by which objects are sent."""
    calls: list[tuple[str, object]] = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("torch.cuda.set_device", lambda device: calls.append(("use", device)))
    monkeypatch.setattr(dist, "init_process_group", lambda name, **more: calls.append((name, more)))
    monkeypatch.setattr(dist, "destroy_process_group", lambda: calls.append(("end", None)))
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    device = torch.device("cuda", 1)
    with join(device) as ranks:
        assert (ranks.rank, ranks.world) == (1, 2)
    assert calls == [("use", device), ("nccl", {"device_id": device}), ("end", None)]


@pytest.mark.parametrize(("here", "expected"), [("2", "lo"), ("1", None)])
def test_processes_of_one_machine_meet_on_its_loopback(
    monkeypatch: pytest.MonkeyPatch, here: str, expected: str | None
) -> None:
    """Gloo does not ask what the machine's name stands for, unless other machines take part."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", here)
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "")  # so that what is set below is taken back
    monkeypatch.delenv("GLOO_SOCKET_IFNAME")
    monkeypatch.setattr("socket.if_nameindex", lambda: [(1, "eth0"), (2, "lo")])
    for name in ("init_process_group", "destroy_process_group"):
        monkeypatch.setattr(dist, name, lambda *_: None)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    with join(torch.device("cpu")):
        assert os.environ.get("GLOO_SOCKET_IFNAME") == expected


@pytest.mark.parametrize(("world", "after"), [("1", "said\nlate\n"), ("2", "said\n")])
def test_a_launched_process_ends_at_once(world: str, after: str) -> None:
    """Under torchrun what was said is out and nothing else runs; the exit code is the given one."""
    code = (
        "import atexit; from commands.leave import leave; "
        "atexit.register(print, 'late'); print('said'); leave(3)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"WORLD_SIZE": world},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, after)
