# SPDX-License-Identifier: Apache-2.0
"""Train the auxiliary network to predict sampling tensors near boundaries (eq. 2, sec. 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from adaseg_fast import ops
from adaseg_fast.data import SegmentationDataset
from adaseg_fast.data.transforms import Augmentation
from adaseg_fast.engine.models.config import SamplerConfig
from adaseg_fast.engine.models.files import save_model
from adaseg_fast.engine.models.frames import Item, frame_tensors, views_of
from adaseg_fast.engine.models.networks import build_sampler
from adaseg_fast.engine.training.batches import Batches
from adaseg_fast.engine.training.boundary_cache import BoundaryCache, CacheSettings
from adaseg_fast.engine.training.loop import train
from adaseg_fast.engine.training.options import TrainingOptions
from adaseg_fast.nn import AdaptiveDownsampler

Classes = tuple[int, ...] | None


def nearest_points(
    batch: list[Item], size: tuple[int, int], classes: Classes, ignore_index: int
) -> Tensor:
    """The nearest boundary points b(u) of eq. (2) for the labels of each item.

    Args:
        batch: pairs of anything and labels ``(H, W)``; the labels may differ in size.
        size: ``(h, w)`` of the sampling tensor.
        classes: numbers of the classes whose boundaries count; None for all.
        ignore_index: label of pixels without a class.

    Returns:
        The points ``(N, 2, h, w)``, relative (row, column).

    Example:
        >>> labels = torch.tensor([[0, 1], [0, 1]], dtype=torch.uint8)
        >>> nearest_points([(labels, labels)], (3, 3), None, 255).shape
        torch.Size([1, 2, 3, 3])
    """
    nearest = [
        ops.nearest_boundary(labels[None], size, classes=classes, ignore_index=ignore_index)
        for _, labels in batch
    ]
    return torch.cat(nearest)


@dataclass(frozen=True)
class ViewAndPoints:
    """From an image and its labels to the little that training needs of them.

    Attributes:
        view_size: ``(H', W')`` of the view.
        size: ``(h, w)`` of the sampling tensor.
        classes: numbers of the classes whose boundaries count; None for all.
        ignore_index: label of pixels without a class.
    """

    view_size: tuple[int, int]
    size: tuple[int, int]
    classes: Classes
    ignore_index: int

    def __call__(self, item: Item) -> Item:
        """The view ``(3, H', W')`` and the nearest boundary points ``(2, h, w)``.

        Args:
            item: an image ``(3, H, W)``, and its labels or boundary points that are known already.
        """
        image, truth = item
        view = ops.sample(image[None], ops.uniform_sampling_tensor(self.view_size))[0]
        if truth.ndim == 2:
            truth = nearest_points([item], self.size, self.classes, self.ignore_index)[0]
        return view, truth


def proposal_loss(predicted: Tensor, nearest: Tensor, lam: float) -> Tensor:
    """Mean squared difference from the proposals, the minimum of eq. (2) subject to (3).

    Args:
        predicted: ``(N, 2, h, w)``, the sampling tensors.
        nearest: ``(N, 2, h, w)``, the nearest boundary points.
        lam: lambda of eq. (2).

    Returns:
        The loss, a scalar in squared units of the sampling tensor.

    Example:
        >>> nearest = ops.uniform_sampling_tensor((3, 3))
        >>> float(proposal_loss(ops.solve_sampling(nearest, 1.0), nearest, 1.0))
        0.0
    """
    return (predicted - ops.solve_sampling(nearest, lam)).square().mean()


def energy_loss(predicted: Tensor, nearest: Tensor, lam: float) -> Tensor:
    """Energy of eq. (2), averaged over batch and coordinates.

    The border points are set to the image border first, as (3) demands. Points outside [0, 1] are
    not clamped, so they keep a gradient.

    Args:
        predicted: ``(N, 2, h, w)``, the sampling tensors.
        nearest: ``(N, 2, h, w)``, the nearest boundary points.
        lam: lambda of eq. (2).

    Returns:
        The loss, a scalar in squared units of the sampling tensor.

    Example:
        >>> uniform = ops.uniform_sampling_tensor((3, 3))
        >>> bool(energy_loss(uniform, uniform, 1.0) > 0)
        True
    """
    held = predicted.clone()
    held[:, 0, 0], held[:, 0, -1] = 0.0, 1.0
    held[:, 1, :, 0], held[:, 1, :, -1] = 0.0, 1.0
    return ops.sampling_energy(held, nearest, lam).mean() / predicted[0].numel()


LOSSES: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "proposal": proposal_loss,
    "energy": energy_loss,
}


def train_sampler(
    frames: SegmentationDataset,
    config: SamplerConfig,
    options: TrainingOptions,
    *,
    loss: str = "proposal",
    all_boundaries: bool = False,
    cache: BoundaryCache | None = None,
    validation: SegmentationDataset | None = None,
) -> dict[str, float]:
    """Train an auxiliary network on the boundaries of frames; writes ``sampler.safetensors``.

    Args:
        frames: the training frames.
        config: the settings of the network.
        options: output folder, schedule and so on.
        loss: "proposal", the squared difference from the proposals as in the paper's experiments;
            or "energy", eq. (2) as a regularised loss, the paper's alternative.
        all_boundaries: use the boundaries of all classes instead of those of the target classes.
        cache: the nearest boundary points of ``frames``, for the same classes and tensor size.
        validation: frames on which the result is measured once at the end.

    Returns:
        ``loss`` of the last epoch. In the first process with ``validation`` also ``validation`` and
        ``uniform``: the mean squared difference of the predicted and of the uniform tensor from the
        proposals on whole frames, in squared units of the sampling tensor.

    Raises:
        CheckpointError: The run cannot be resumed.
        FloatingPointError: The loss or a weight became NaN or infinite.
        OSError: A file cannot be written, or a process that reads frames died.
        ValueError: There is no such loss, ``cache`` holds other points, or the frames make no
            batch.

    Example::

        frames = open_dataset("synthetic:64", "train")
        options = TrainingOptions(Path("out"), Schedule(60, 1e-3))
        train_sampler(frames, SamplerConfig(), options)
    """
    if loss not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")
    classes = None if all_boundaries else frames.info.targets
    if cache is not None:
        _check_cache(cache.settings, frames, config, classes, options.augmentation)
    torch.manual_seed(options.seed)
    placement = options.placement
    network = build_sampler(config).to(placement.device)
    downsampler = AdaptiveDownsampler(network, config.view_size, config.size, trainable=True)
    forward = placement.forward_of(network)

    def loss_of(batch: list[Item]) -> tuple[Tensor, Tensor]:
        network.train()
        predicted = forward(views_of(downsampler, batch))
        nearest = torch.stack([points for _, points in batch])
        mean = LOSSES[loss](predicted, nearest, config.lam)
        return mean * len(batch), mean.new_tensor(float(len(batch)))

    settings = {**asdict(config), "classes": classes, "loss": loss}
    reduce = ViewAndPoints(config.view_size, config.size, classes, frames.info.ignore_index)
    batches = Batches.of(frames, options, cache, reduce)
    history = train(network, batches, loss_of, options, settings)
    network.eval()
    result = {"loss": history[-1]["loss"]}
    if placement.first:
        save_model(options.output / "sampler.safetensors", network, config)
        if validation is not None:
            result |= validate(downsampler, config, validation, classes)
    return result


def _check_cache(
    settings: CacheSettings,
    frames: SegmentationDataset,
    config: SamplerConfig,
    classes: Classes,
    augmentation: Augmentation,
) -> None:
    there = (settings.frames, settings.size, settings.classes, settings.scale, settings.flip)
    wanted = (len(frames), config.size, classes, augmentation.scale, augmentation.flip)
    if there != wanted:
        raise ValueError(
            "the cache of boundary points was made with other (frames, size, classes, scale, "
            f"flip): {there}, not {wanted}"
        )


@torch.inference_mode()
def validate(
    downsampler: AdaptiveDownsampler,
    config: SamplerConfig,
    frames: SegmentationDataset,
    classes: Classes,
) -> dict[str, float]:
    """Mean squared difference from the proposals, of the predicted and of the uniform tensor.

    Args:
        downsampler: with the auxiliary network.
        config: the settings of that network.
        frames: on which it is measured, as they are.
        classes: numbers of the classes whose boundaries count; None for all.

    Returns:
        ``validation``, of the predicted tensor, and ``uniform``, of the uniform one.

    Example:
        >>> from adaseg_fast.data import open_dataset
        >>> config = SamplerConfig((4, 4), (16, 16), width=8)
        >>> downsampler = AdaptiveDownsampler(build_sampler(config), (16, 16), (4, 4))
        >>> sorted(validate(downsampler, config, open_dataset("synthetic:1x64", "val"), None))
        ['uniform', 'validation']
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
