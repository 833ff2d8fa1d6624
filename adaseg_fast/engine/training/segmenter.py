# SPDX-License-Identifier: Apache-2.0
"""Train a base network on downsampled images and labels, without upsampling (sec. 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from adaseg_fast import ops
from adaseg_fast.data import SegmentationDataset
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.models.cost import downsampler_of
from adaseg_fast.engine.models.files import SegmenterConfig, build_segmenter, save_model
from adaseg_fast.engine.training.batches import Batches, Item, views_of
from adaseg_fast.engine.training.loop import Schedule, train
from adaseg_fast.engine.training.placement import Compute
from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter, DoubleUNet


@torch.no_grad()
def downsample(model: AdaptiveSegmenter, batch: list[Item]) -> tuple[Tensor, Tensor]:
    """The images (N, 3, h, w) of a batch at the model's working size, and their sampling tensor.

    The points are uniform or predicted; images may differ in size.
    """
    downsampler = downsampler_of(model)
    if isinstance(downsampler, AdaptiveDownsampler):
        coarse = ops.project_to_cover(downsampler.sampler(views_of(downsampler, batch)))
        phi = ops.resize_sampling_tensor(coarse, downsampler.size)
    else:
        device = batch[0][0].device
        phi = ops.uniform_sampling_tensor(downsampler.size, batch_size=len(batch), device=device)
    images = [
        ops.sample(image[None], points, mean=downsampler.mean, std=downsampler.std)
        for (image, _), points in zip(batch, torch.split(phi, 1), strict=True)
    ]
    return torch.cat(images), phi


@torch.no_grad()
def sample_labels(batch: list[Item], phi: Tensor, size: Sequence[int]) -> Tensor:
    """The labels (N, h', w') int64 of a batch where scores of (h', w') lie.

    Scores of another size than the sampling tensor's (a network with an output stride) lie at the
    points of the tensor resized to them, as in prediction.
    """
    if tuple(size) != tuple(phi.shape[-2:]):
        phi = ops.resize_sampling_tensor(phi, tuple(size))
    labels = [
        ops.sample(truth[None, None], points)[:, 0]
        for (_, truth), points in zip(batch, torch.split(phi, 1), strict=True)
    ]
    return torch.cat(labels).long()


def class_weights(frames: SegmentationDataset, quiet: bool, most: int = 256) -> Tensor:
    """Weights 1 / ln(1.02 + share of pixels), scaled to mean 1, from at most ``most`` frames.

    The form and the constant are those of ENet (Paszke et al. 2016).
    """
    info = frames.info
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), most)).astype(int))
    counts = np.zeros(256, np.int64)
    for index in tqdm(chosen, desc="class shares", disable=quiet, leave=False):
        labels = frames[int(index)].labels[::4, ::4]
        counts += np.bincount(labels.ravel(), minlength=256)
    share = counts[: info.num_classes] / max(counts[: info.num_classes].sum(), 1)
    weights = 1 / np.log(1.02 + share)
    return torch.from_numpy(weights / weights.mean()).float()


def train_segmenter(
    frames: SegmentationDataset,
    config: SegmenterConfig,
    schedule: Schedule,
    *,
    output: Path,
    sampler: DoubleUNet | None = None,
    augmentation: Augmentation | None = None,
    batch_size: int = 32,
    balance: bool = False,
    seed: int = 0,
    workers: int = 0,
    compute: Compute | None = None,
    resume: bool = False,
    tensorboard: bool = False,
    quiet: bool = False,
) -> dict[str, float]:
    """Softmax cross-entropy on the downsampled labels; writes ``output/model.safetensors``.

    Args:
        sampler: the trained auxiliary network where ``config.sampler`` is set; it stays as it is.
        balance: weigh classes by `class_weights`.
        compute: device, precision and processes; ``batch_size`` is that of all processes together.
    Returns:
        ``loss`` of the last epoch.
    """
    if (config.sampler is None) != (sampler is None):
        raise ValueError("an adaptive model needs a sampler, a uniform one must not have any")
    torch.manual_seed(seed)
    compute = compute or Compute()
    model = build_segmenter(config, sampler).to(compute.device)
    model.downsampler.eval().requires_grad_(False)
    weights = None
    if balance:
        weights = class_weights(frames, quiet or not compute.first).to(compute.device)
    forward = compute.forward_of(model.segmenter)

    def loss_of(batch: list[Item]) -> tuple[Tensor, Tensor]:
        model.segmenter.train()
        small, phi = downsample(model, batch)
        scores = forward(small)
        labels = sample_labels(batch, phi, scores.shape[-2:])
        total = F.cross_entropy(
            scores, labels, weights, ignore_index=config.ignore_index, reduction="sum"
        )
        known = labels != config.ignore_index
        return total, known.sum() if weights is None else weights[labels[known]].sum()

    batches = Batches(
        frames,
        augmentation or Augmentation(),
        batch_size=batch_size,
        seed=seed,
        workers=workers,
        compute=compute,
    )
    history = train(
        model,
        batches,
        loss_of,
        schedule,
        output=output,
        settings={**asdict(config), "balance": balance},
        compute=compute,
        resume=resume,
        tensorboard=tensorboard,
        quiet=quiet,
    )
    model.eval()
    if compute.first:
        save_model(output / "model.safetensors", model, config)
    return {"loss": history[-1]["loss"]}
