# SPDX-License-Identifier: Apache-2.0
"""Train the auxiliary network to predict sampling tensors near boundaries (eq. 2, sec. 3.1)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from adaseg_fast import ops
from adaseg_fast.data import SegmentationDataset
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.models.files import SamplerConfig, build_sampler, save_model
from adaseg_fast.engine.training.batches import Batches, Item, frame_tensors, views_of
from adaseg_fast.engine.training.boundary_cache import BoundaryCache, CacheSettings
from adaseg_fast.engine.training.loop import Schedule, train
from adaseg_fast.engine.training.placement import Compute
from adaseg_fast.nn import AdaptiveDownsampler

LOSSES = ("proposal", "energy")


def nearest_points(
    batch: list[Item], size: tuple[int, int], classes: tuple[int, ...] | None, ignore_index: int
) -> Tensor:
    """b(u) of eq. (2) for the labels of each item, (N, 2, h, w); they may differ in size."""
    nearest = [
        ops.nearest_boundary(labels[None], size, classes=classes, ignore_index=ignore_index)
        for _, labels in batch
    ]
    return torch.cat(nearest)


def proposal_loss(predicted: Tensor, nearest: Tensor, lam: float) -> Tensor:
    """Mean squared difference from the proposals, the argmin of (2) subject to (3)."""
    return (predicted - ops.solve_sampling(nearest, lam)).square().mean()


def energy_loss(predicted: Tensor, nearest: Tensor, lam: float) -> Tensor:
    """Eq. (2) itself, a coordinate, of the prediction with the borders that (3) demands.

    Unlike `ops.project_to_cover` nothing is clamped to [0, 1], which would leave a point outside
    without a gradient; b(u) pulls it back.
    """
    held = predicted.clone()
    held[:, 0, 0], held[:, 0, -1] = 0.0, 1.0
    held[:, 1, :, 0], held[:, 1, :, -1] = 0.0, 1.0
    return ops.sampling_energy(held, nearest, lam).mean() / predicted[0].numel()


def train_sampler(
    frames: SegmentationDataset,
    config: SamplerConfig,
    schedule: Schedule,
    *,
    output: Path,
    loss: str = "proposal",
    all_boundaries: bool = False,
    cache: BoundaryCache | None = None,
    augmentation: Augmentation | None = None,
    batch_size: int = 32,
    seed: int = 0,
    workers: int = 0,
    validation: SegmentationDataset | None = None,
    compute: Compute | None = None,
    resume: bool = False,
    tensorboard: bool = False,
    quiet: bool = False,
) -> dict[str, float]:
    """Train on the boundaries of the frames; writes ``output/sampler.safetensors``.

    Args:
        loss: "proposal", squared L2 to the proposals as in the paper's experiments, or "energy",
            eq. (2) as a regularised loss, which the paper offers instead.
        all_boundaries: of all classes, instead of the target classes.
        cache: the nearest boundary points of ``frames``, of the same classes and tensor size.
        compute: device, precision and processes; ``batch_size`` is that of all processes together.
    Returns:
        ``loss`` of the last epoch and, in the first process with ``validation``, ``validation``
        and ``uniform``: the mean squared difference of the predicted and of the uniform tensor
        from the proposals on whole frames, in units of phi squared.
    Raises:
        ValueError: there is no such loss, or ``cache`` holds other points than asked for.
    """
    if loss not in LOSSES:
        raise ValueError(f"loss has to be one of {', '.join(LOSSES)}, got {loss!r}")
    measured = proposal_loss if loss == "proposal" else energy_loss
    torch.manual_seed(seed)
    compute = compute or Compute()
    network = build_sampler(config).to(compute.device)
    downsampler = AdaptiveDownsampler(network, config.view_size, config.size)
    info = frames.info
    classes = None if all_boundaries else info.targets
    augmentation = augmentation or Augmentation()
    if cache is not None:
        _check_cache(cache.settings, frames, config, classes, augmentation)

    forward = compute.forward_of(network)

    def loss_of(batch: list[Item]) -> tuple[Tensor, Tensor]:
        network.train()
        if cache is None:
            nearest = nearest_points(batch, config.size, classes, info.ignore_index)
        else:
            nearest = torch.stack([points for _, points in batch])
        loss = measured(forward(views_of(downsampler, batch)), nearest, config.lam)
        return loss * len(batch), loss.new_tensor(float(len(batch)))

    batches = Batches(
        frames,
        augmentation,
        batch_size=batch_size,
        seed=seed,
        workers=workers,
        cache=cache,
        compute=compute,
    )
    history = train(
        network,
        batches,
        loss_of,
        schedule,
        output=output,
        settings={**asdict(config), "classes": classes, "loss": loss},
        compute=compute,
        resume=resume,
        tensorboard=tensorboard,
        quiet=quiet,
    )
    network.eval()
    result = {"loss": history[-1]["loss"]}
    if not compute.first:
        return result
    save_model(output / "sampler.safetensors", network, config)
    if validation is not None:
        result |= validate(downsampler, config, validation, classes)
    return result


def _check_cache(
    settings: CacheSettings,
    frames: SegmentationDataset,
    config: SamplerConfig,
    classes: tuple[int, ...] | None,
    augmentation: Augmentation,
) -> None:
    there = (settings.frames, settings.size, settings.classes, settings.scale, settings.flip)
    wanted = (len(frames), config.size, classes, augmentation.scale, augmentation.flip)
    if there != wanted:
        raise ValueError(
            "the cache of boundary points is of other (frames, size, classes, scale, flip): "
            f"{there}, wanted {wanted}"
        )


@torch.inference_mode()
def validate(
    downsampler: AdaptiveDownsampler,
    config: SamplerConfig,
    frames: SegmentationDataset,
    classes: tuple[int, ...] | None,
) -> dict[str, float]:
    """Mean squared difference from the proposals, of the predicted and of the uniform tensor.

    Args:
        classes: whose boundaries the proposals follow; None for all.
    """
    downsampler.eval()
    device = next(downsampler.parameters()).device
    uniform = ops.uniform_sampling_tensor(config.size, device=device)
    predicted_error = uniform_error = 0.0
    for index in range(len(frames)):
        image, labels = (tensor.to(device) for tensor in frame_tensors(frames[index]))
        nearest = nearest_points([(image, labels)], config.size, classes, frames.info.ignore_index)
        wanted = ops.solve_sampling(nearest, config.lam)
        predicted = downsampler.coarse_tensor(image[None])
        predicted_error += float((predicted - wanted).square().mean())
        uniform_error += float((uniform - wanted).square().mean())
    count = max(len(frames), 1)
    return {"validation": predicted_error / count, "uniform": uniform_error / count}
