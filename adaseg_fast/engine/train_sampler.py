# SPDX-License-Identifier: Apache-2.0
"""Train the auxiliary network to predict the sampling tensors of eq. (2) (sec. 3.1)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from adaseg_fast import ops
from adaseg_fast.data import SegmentationDataset
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.batches import Batches, Item, aux_views, frame_tensors
from adaseg_fast.engine.loop import Schedule, train
from adaseg_fast.engine.models import SamplerConfig, build_sampler, save_model
from adaseg_fast.nn import AdaptiveDownsampler


def proposals(
    batch: list[Item], config: SamplerConfig, targets: tuple[int, ...], ignore_index: int
) -> Tensor:
    """What the network is to predict: argmin of (2) subject to (3) for each item, (N, 2, h, w)."""
    nearest = [
        ops.nearest_boundary(labels[None], config.size, classes=targets, ignore_index=ignore_index)
        for _, labels in batch
    ]
    return ops.solve_sampling(torch.cat(nearest), config.lam)


def train_sampler(
    frames: SegmentationDataset,
    config: SamplerConfig,
    schedule: Schedule,
    *,
    output: Path,
    augmentation: Augmentation | None = None,
    batch_size: int = 32,
    seed: int = 0,
    workers: int = 0,
    validation: SegmentationDataset | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, float]:
    """Squared L2 loss to the proposals; writes ``output/sampler.safetensors``.

    Returns:
        ``loss`` of the last epoch and, with ``validation``, ``validation`` and ``uniform``: the
        mean squared error of the predicted and of the uniform tensor on the central squares, in
        units of phi squared.
    """
    torch.manual_seed(seed)
    network = build_sampler(config)
    downsampler = AdaptiveDownsampler(network, config.aux_size, config.size)
    info = frames.info

    def loss_of(batch: list[Item]) -> Tensor:
        network.train()
        wanted = proposals(batch, config, info.targets, info.ignore_index)
        predicted: Tensor = network(aux_views(downsampler, batch))
        return (predicted - wanted).square().mean()

    augmentation = augmentation or Augmentation()
    history = train(
        network,
        Batches(frames, augmentation, batch_size=batch_size, seed=seed, workers=workers),
        loss_of,
        schedule,
        output=output,
        settings={**asdict(config), "targets": info.targets},
        resume=resume,
        quiet=quiet,
    )
    network.eval()
    save_model(output / "sampler.safetensors", network, config)
    result = {"loss": history[-1]["loss"]}
    if validation is not None:
        result |= validate(downsampler, config, validation)
    return result


@torch.inference_mode()
def validate(
    downsampler: AdaptiveDownsampler, config: SamplerConfig, frames: SegmentationDataset
) -> dict[str, float]:
    """Mean squared error to the proposals, of the predicted and of the uniform tensor."""
    downsampler.eval()
    uniform = ops.uniform_sampling_tensor(config.size)
    predicted_error = uniform_error = 0.0
    for index in range(len(frames)):
        item = frame_tensors(frames[index])
        wanted = proposals([item], config, frames.info.targets, frames.info.ignore_index)
        predicted = downsampler.coarse_tensor(item[0][None])
        predicted_error += float((predicted - wanted).square().mean())
        uniform_error += float((uniform - wanted).square().mean())
    count = max(len(frames), 1)
    return {"validation": predicted_error / count, "uniform": uniform_error / count}
