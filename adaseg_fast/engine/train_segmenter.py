# SPDX-License-Identifier: Apache-2.0
"""Train a base network on downsampled images and labels, without upsampling (sec. 4.1)."""

from __future__ import annotations

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
from adaseg_fast.engine.batches import Batches, Item, aux_views
from adaseg_fast.engine.cost import downsampler_of
from adaseg_fast.engine.loop import Schedule, train
from adaseg_fast.engine.models import SegmenterConfig, build_segmenter, save_model
from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter, DoubleUNet


@torch.no_grad()
def downsample(model: AdaptiveSegmenter, batch: list[Item]) -> tuple[Tensor, Tensor]:
    """The images (N, 3, h, w) and labels (N, h, w) int64 of a batch at the model's working size.

    Both are taken at the same points, uniform or predicted; images may differ in size.
    """
    downsampler = downsampler_of(model)
    if isinstance(downsampler, AdaptiveDownsampler):
        coarse = ops.project_to_cover(downsampler.sampler(aux_views(downsampler, batch)))
        phi = ops.resize_sampling_tensor(coarse, downsampler.size)
    else:
        phi = ops.uniform_sampling_tensor(downsampler.size, batch_size=len(batch))
    images, labels = [], []
    for (image, truth), points in zip(batch, torch.split(phi, 1), strict=True):
        images.append(ops.sample(image[None], points, mean=downsampler.mean, std=downsampler.std))
        labels.append(ops.sample(truth[None, None], points)[:, 0])
    return torch.cat(images), torch.cat(labels).long()


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
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, float]:
    """Softmax cross-entropy on the downsampled labels; writes ``output/model.safetensors``.

    Args:
        sampler: the trained auxiliary network where ``config.sampler`` is set; it stays as it is.
        balance: weigh classes by `class_weights`.
    Returns:
        ``loss`` of the last epoch.
    """
    if (config.sampler is None) != (sampler is None):
        raise ValueError("an adaptive model needs a sampler, a uniform one must not have any")
    torch.manual_seed(seed)
    model = build_segmenter(config, sampler)
    model.downsampler.eval().requires_grad_(False)
    weights = class_weights(frames, quiet) if balance else None

    def loss_of(batch: list[Item]) -> Tensor:
        model.segmenter.train()
        small, labels = downsample(model, batch)
        scores = model.segmenter(small)
        total = F.cross_entropy(
            scores, labels, weights, ignore_index=config.ignore_index, reduction="sum"
        )
        known = labels != config.ignore_index
        norm = known.sum() if weights is None else weights[labels[known]].sum()
        return total / norm.clamp(min=1)  # a batch without any known pixel gives 0, not NaN

    augmentation = augmentation or Augmentation()
    history = train(
        model,
        Batches(frames, augmentation, batch_size=batch_size, seed=seed, workers=workers),
        loss_of,
        schedule,
        output=output,
        settings={**asdict(config), "balance": balance},
        resume=resume,
        quiet=quiet,
    )
    model.eval()
    save_model(output / "model.safetensors", model, config)
    return {"loss": history[-1]["loss"]}
