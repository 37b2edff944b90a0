"""Seconds per training epoch: the plain way, the same with its image metrics, and ours.

The plain way is the published recipe as one would write it down: autograd through
pytorch-wavelets, SSIM by five 11x11 convolutions for each source, Sobel convolutions. The second
also measures image metrics of every training image. All see the same batches from memory.

Run: python benchmarks/training.py [--data FOLDER] [--pairs 113] [--rounds 3] [--threads 2]
     [--batches 0]   # steps measured per round and scaled to an epoch; 0 measures whole epochs

With --device cuda one run on a GPU is measured instead, see benchmarks/training_gpu.py.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.training_gpu import measure_gpu
from trainer.augment import epoch_order
from trainer.data import CTMRIDataset
from trainer.distributed import Ranks
from trainer.engine import Engine
from trainer.loop import train
from trainer.presets import preset
from trainer.reports import EpochReport
from trainer.sources import ArraySource, FolderSource, PairSource

ROOT = Path(__file__).resolve().parent.parent
Batch = tuple[Tensor, Tensor]


class PlainNet(nn.Module):
    """The published layers on pytorch-wavelets, one Haar level."""

    def __init__(self) -> None:
        super().__init__()
        from pytorch_wavelets import DWTForward, DWTInverse

        self.dwt = DWTForward(J=1, wave="haar", mode="symmetric")
        self.idwt = DWTInverse(wave="haar", mode="symmetric")
        self.masks = nn.Sequential(
            nn.Conv2d(2, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
            nn.Conv2d(32, 4, 3, padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, ct: Tensor, mri: Tensor) -> Tensor:
        ct_low, (ct_high,) = self.dwt(ct)
        mri_low, (mri_high,) = self.dwt(mri)
        m = self.masks(torch.cat((ct_low, mri_low), 1))
        low = m[:, :1] * ct_low + (1 - m[:, :1]) * mri_low
        details = m[:, None, 1:]
        fused: Tensor = self.idwt((low, [details * ct_high + (1 - details) * mri_high]))
        return fused


class PlainLoss:
    """MSE + 2 SSIM + gradient as a textbook writes them."""

    def __init__(self) -> None:
        offsets = torch.arange(11) - 5.0
        taps = torch.exp(-(offsets**2) / (2 * 1.5**2))
        window = torch.outer(taps, taps)
        self.window = (window / window.sum()).view(1, 1, 11, 11)
        self.sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]).view(1, 1, 3, 3)

    def ssim(self, x: Tensor, y: Tensor) -> Tensor:
        mean_x, mean_y, xx, yy, xy = (F.conv2d(z, self.window) for z in (x, y, x * x, y * y, x * y))
        var_x, var_y, cov = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
        top = (2 * mean_x * mean_y + 1e-4) * (2 * cov + 9e-4)
        return (top / ((mean_x**2 + mean_y**2 + 1e-4) * (var_x + var_y + 9e-4))).mean()

    def magnitude(self, x: Tensor) -> Tensor:
        x = F.pad(x, (1, 1, 1, 1), mode="replicate")
        across, down = F.conv2d(x, self.sobel), F.conv2d(x, self.sobel.transpose(2, 3))
        return torch.sqrt(across**2 + down**2 + 1e-20)

    def __call__(self, fused: Tensor, ct: Tensor, mri: Tensor) -> Tensor:
        mse = (F.mse_loss(fused, ct) + F.mse_loss(fused, mri)) / 2
        ssim = (2 - self.ssim(fused, ct) - self.ssim(fused, mri)) / 2
        target = torch.maximum(self.magnitude(ct), self.magnitude(mri))
        gradient = (self.magnitude(fused) - target).abs().mean()
        return mse + 2 * ssim + gradient


class Plain:
    """The plain training step."""

    def __init__(self, metrics: bool) -> None:
        self.net, self.loss, self.metrics = PlainNet(), PlainLoss(), metrics
        self.optimizer = torch.optim.Adam(self.net.masks.parameters(), 1e-3)

    def __call__(self, batch: Batch) -> float:
        self.optimizer.zero_grad()
        fused = self.net(*batch)
        loss = self.loss(fused, *batch)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        if self.metrics:
            for trio in zip(fused.detach(), *batch, strict=True):
                image_metrics(*(x[0].numpy() for x in trio))
        return loss.item()


def image_metrics(fused: np.ndarray, ct: np.ndarray, mri: np.ndarray) -> list[float]:
    """SSIM, PSNR, edge preservation, entropy and mutual information of one training image."""
    fused = fused.clip(0, 1)
    values: list[float] = []
    for source in (ct, mri):
        ssim = structural_similarity(fused, source, data_range=1.0)  # type: ignore[no-untyped-call]
        values.append(float(ssim))
        values.append(float(-10 * np.log10(np.mean((fused - source) ** 2) + 1e-12)))
        joint, _, _ = np.histogram2d(fused.ravel(), source.ravel(), bins=256, range=[[0, 1]] * 2)
        p = joint / joint.sum()
        outer = p.sum(1, keepdims=True) * p.sum(0, keepdims=True)
        values.append(float((p[p > 0] * np.log2(p[p > 0] / outer[p > 0])).sum()))
    edges = [
        np.hypot(cv2.Sobel(x, cv2.CV_64F, 1, 0), cv2.Sobel(x, cv2.CV_64F, 0, 1))
        for x in (fused, ct, mri)
    ]
    target = np.maximum(edges[1], edges[2])
    values.append(float(np.corrcoef(edges[0].ravel(), target.ravel())[0, 1]))
    share = np.histogram(fused, 256, (0, 1))[0] / fused.size
    values.append(float(-(share[share > 0] * np.log2(share[share > 0])).sum()))
    return values


def synthetic(pairs: int, size: int = 256) -> PairSource:
    """Smooth 8-bit pairs: time does not depend on what the images show."""
    rng = np.random.default_rng(0)
    rough = rng.random((pairs, 2, 16, 16)).astype(np.float32)
    images = [
        tuple(np.rint(cv2.resize(x, (size, size)).clip(0, 1) * 255).astype(np.uint8) for x in pair)
        for pair in rough
    ]
    names = [f"{1 + i // 19}{i % 19:03d}" for i in range(pairs)]
    return ArraySource(images, names, [name[:-3] for name in names])


def timed(step: Callable[[Batch], float], batches: list[Batch]) -> float:
    """Seconds for all batches."""
    start = time.perf_counter()
    for batch in batches:
        step(batch)
    return time.perf_counter() - start


def main() -> None:
    """Print the three epoch times, their ratios, and the whole run's estimate."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = ROOT.parent / "shared/data/aanlib/train"
    parser.add_argument("--data", type=Path, default=default if default.is_dir() else None)
    parser.add_argument("--pairs", type=int, default=113)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batches", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    args = parser.parse_args()
    source = FolderSource(args.data) if args.data else synthetic(args.pairs)
    if args.device != "cpu":
        try:
            measure_gpu(source, args.device)
        except ValueError as error:
            parser.exit(1, f"{error}\n")
        return
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    config = preset("seed").with_options(
        {"device": "cpu", "threads": args.threads, "val_fraction": 0.0}
    )
    data = CTMRIDataset(source, config)
    pairs = len(data)
    order = epoch_order(0, 0, pairs)
    batches = [data.batch(order[i : i + 8]) for i in range(0, pairs, 8)]
    whole = len(batches)
    if args.batches:
        batches = batches[: args.batches]
    seen = sum(len(ct) for ct, _ in batches)

    engine = Engine(config, torch.device("cpu"), Ranks())

    def ours(batch: Batch) -> float:
        return engine.step(*batch, len(batch[0]), 1e-3).sums["total"]

    ways: dict[str, Callable[[Batch], float]] = {
        "ours": ours, "plain": Plain(metrics=False), "plain, with image metrics": Plain(True),
    }  # fmt: skip
    for step in ways.values():
        step((batches[0][0][:2], batches[0][1][:2]))
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.rounds):  # interleaved, so that a busy machine is busy for all
        for name, step in ways.items():
            times[name].append(timed(step, batches) * pairs / seen)
    medians = {name: statistics.median(found) for name, found in times.items()}
    print(
        f"{source.title}: {pairs} pairs of {data.shape[0]}x{data.shape[1]}, batch 8, "
        f"{args.threads} threads, {args.rounds} rounds of {len(batches)}/{whole} steps"
    )
    print(f"\n{'':28}{'s per epoch':>12}{'ratio to ours':>15}   rounds")
    for name, seconds in medians.items():
        found = ", ".join(f"{t:.2f}" for t in times[name])
        print(f"{name:28}{seconds:12.2f}{seconds / medians['ours']:15.1f}   {found}")

    # All pairs are trained on, and another 19 are validated with all metrics after each epoch.
    whole_run = config.with_options({"epochs": 3, "val_fraction": 0.17})
    reports = list(train(whole_run, CTMRIDataset(source, whole_run)))
    epochs = [r for r in reports if isinstance(r, EpochReport)]
    measured = statistics.median(r.seconds for r in epochs[1:])
    train_pairs = pairs - len(CTMRIDataset(source, whole_run).val)
    validation = measured - train_pairs / statistics.median(r.pairs_per_second for r in epochs[1:])
    estimate = 50 * (
        pairs / statistics.median(r.pairs_per_second for r in epochs[1:]) + max(0.0, validation)
    )
    print(
        f"\n50 epochs of {pairs} pairs, all metrics on {pairs - train_pairs} validation pairs "
        f"after each, as measured over {len(epochs)} epochs: {estimate / 60:.1f} min"
    )


if __name__ == "__main__":
    main()
