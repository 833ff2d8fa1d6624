# SPDX-License-Identifier: Apache-2.0
"""Train a base network on downsampled images and labels, without upsampling (sec. 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from adaseg_fast import ops
from adaseg_fast.data import SegmentationDataset
from adaseg_fast.engine.models.config import SegmenterConfig
from adaseg_fast.engine.models.files import model_bytes, save_model
from adaseg_fast.engine.models.frames import Item, views_of
from adaseg_fast.engine.models.networks import build_segmenter
from adaseg_fast.engine.models.probe import size_of_scores
from adaseg_fast.engine.training.batches import Batches
from adaseg_fast.engine.training.identity import digest_of_weights
from adaseg_fast.engine.training.loop import train
from adaseg_fast.engine.training.options import TrainingOptions
from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter, DoubleUNet
from adaseg_fast.nn.segmenter import downsampler_of


@torch.no_grad()
def downsample(model: AdaptiveSegmenter, batch: list[Item]) -> tuple[Tensor, Tensor]:
    """Downsample a batch to the working size of a model; the images may differ in size.

    Args:
        model: with a downsampler of this package, uniform or adaptive.
        batch: pairs of an image ``(3, H, W)`` and anything else.

    Returns:
        The small images ``(N, 3, h, w)``, normalised, and their sampling tensor ``(N, 2, h, w)``.

    Example:
        >>> from adaseg_fast.nn import UNet, UniformDownsampler
        >>> model = AdaptiveSegmenter(UNet(2, width=8), UniformDownsampler((16, 16)))
        >>> small, phi = downsample(model, [(torch.zeros(3, 40, 50), torch.zeros(40, 50))])
        >>> small.shape, phi.shape
        (torch.Size([1, 3, 16, 16]), torch.Size([1, 2, 16, 16]))
    """
    downsampler = downsampler_of(model)
    if isinstance(downsampler, AdaptiveDownsampler):
        coarse = downsampler.coarse_tensor_of_view(views_of(downsampler, batch))
        phi = ops.resize_sampling_tensor(coarse, downsampler.size)
    else:
        device = batch[0][0].device
        phi = ops.uniform_sampling_tensor(downsampler.size, batch_size=len(batch), device=device)
    images = [
        downsampler.sample(image[None], points)
        for (image, _), points in zip(batch, torch.split(phi, 1), strict=True)
    ]
    return torch.cat(images), phi


@torch.no_grad()
def sample_labels(batch: list[Item], phi: Tensor, size: Sequence[int]) -> Tensor:
    """The labels of a batch at the points where scores lie.

    If the scores have another size than the sampling tensor (a network with an output stride), they
    lie at the points of the tensor resized to that size, as in prediction.

    Args:
        batch: pairs of anything and labels ``(H, W)``.
        phi: ``(N, 2, h, w)``, the sampling tensor of the small images.
        size: ``(h', w')`` of the scores.

    Returns:
        The labels ``(N, h', w')``, int64.

    Example:
        >>> labels = torch.tensor([[0, 1], [2, 3]], dtype=torch.uint8)
        >>> sample_labels([(labels, labels)], ops.uniform_sampling_tensor((2, 2)), (2, 2))
        tensor([[[0, 1],
                 [2, 3]]])
    """
    if tuple(size) != tuple(phi.shape[-2:]):
        phi = ops.resize_sampling_tensor(phi, tuple(size))
    labels = [
        ops.sample(truth[None, None], points)[:, 0]
        for (_, truth), points in zip(batch, torch.split(phi, 1), strict=True)
    ]
    return torch.cat(labels).long()


@dataclass(frozen=True)
class UniformPoints:
    """From an image and its labels to the uniform points of them: all that training needs.

    Attributes:
        size: ``(h, w)``, the working size.
        score_size: ``(h', w')``, the size of the network's scores.
    """

    size: tuple[int, int]
    score_size: tuple[int, int]

    def __call__(self, item: Item) -> Item:
        """The image ``(3, h, w)`` and the labels ``(h', w')`` of a pair of whole ones.

        `downsample` and `sample_labels` change neither again.
        """
        image, labels = item
        phi = ops.uniform_sampling_tensor(self.size)
        points = ops.resize_sampling_tensor(phi, self.score_size)
        return ops.sample(image[None], phi)[0], ops.sample(labels[None, None], points)[0, 0]


def scores_loss(
    scores: Tensor, labels: Tensor, weights: Tensor | None, ignore_index: int
) -> tuple[Tensor, Tensor]:
    """The cross-entropy of scores: softmax, or binary where one channel is the logit of class 1.

    Args:
        scores: ``(N, K, h, w)``.
        labels: ``(N, h, w)``, int64.
        weights: one per class; None weighs all alike.
        ignore_index: label of pixels that do not count.

    Returns:
        The sum over all pixels, and the sum of their weights.

    Example:
        >>> labels = torch.tensor([[[0, 1, 255]]])
        >>> total, weight = scores_loss(torch.zeros(1, 1, 1, 3), labels, None, 255)
        >>> round(float(total / weight), 4), int(weight)
        (0.6931, 2)
    """
    known = labels != ignore_index
    weight = known.sum() if weights is None else weights[labels[known]].sum()
    if scores.shape[1] > 1:
        total = F.cross_entropy(scores, labels, weights, ignore_index=ignore_index, reduction="sum")
        return total, weight
    truth = labels[known]
    total = F.binary_cross_entropy_with_logits(
        scores[:, 0][known],
        truth.to(scores.dtype),
        None if weights is None else weights[truth],
        reduction="sum",
    )
    return total, weight


def class_weights(frames: SegmentationDataset, quiet: bool, most: int = 256) -> Tensor:
    """Weights 1 / ln(1.02 + share of pixels) of the classes, scaled to mean 1.

    The form and the constant are those of ENet (Paszke et al. 2016).

    Args:
        frames: in which pixels are counted, every fourth row and column.
        quiet: show no progress bar.
        most: largest number of frames that are read.

    Returns:
        One weight per class, float32.

    Example:
        >>> from adaseg_fast.data import open_dataset
        >>> weights = class_weights(open_dataset("synthetic:1x64", "train"), quiet=True)
        >>> round(float(weights.mean()), 3)
        1.0
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
    options: TrainingOptions,
    *,
    sampler: DoubleUNet | None = None,
    balance: bool = False,
) -> dict[str, float]:
    """Train a base network by cross-entropy on downsampled labels.

    Writes ``model.safetensors``. For two classes a network may give one channel of scores: the
    logit of class 1, trained by binary cross-entropy.

    Args:
        frames: the training frames.
        config: the settings of the model.
        options: output folder, schedule and so on.
        sampler: the trained auxiliary network where ``config.sampler`` is set; it does not change.
        balance: weigh classes by `class_weights`.

    Returns:
        ``loss`` of the last epoch.

    Raises:
        CheckpointError: The run cannot be resumed.
        FloatingPointError: The loss or a weight became NaN or infinite.
        OSError: A file cannot be written, or a process that reads frames died.
        ValueError: ``sampler`` is missing or not wanted; the base network cannot be built, gives
            scores of another shape or cannot be saved; or the frames make no batch.

    Example::

        frames = open_dataset("synthetic:64", "train")
        options = TrainingOptions(Path("out"), Schedule(60, 1e-3))
        train_segmenter(frames, SegmenterConfig.of(frames.info, (64, 64), width=64), options)
    """
    if (config.sampler is None) != (sampler is None):
        raise ValueError("an adaptive model needs a sampler, and a uniform one must not have any")
    placement = options.placement
    torch.manual_seed(options.seed)
    model = build_segmenter(config, sampler).to(placement.device)
    size = size_of_scores(model.segmenter, config, placement.device)
    model_bytes(model, config)  # what cannot be saved is found now
    weights = None
    if balance:
        quiet = options.quiet or not placement.first
        weights = class_weights(frames, quiet).to(placement.device)
    forward = placement.forward_of(model.segmenter)

    def loss_of(batch: list[Item]) -> tuple[Tensor, Tensor]:
        model.segmenter.train()
        small, phi = downsample(model, batch)
        scores = forward(small)
        labels = sample_labels(batch, phi, scores.shape[-2:])
        return scores_loss(scores, labels, weights, config.ignore_index)

    settings = {**config.plain(), "balance": balance}
    if sampler is not None:
        settings["sampler_weights"] = digest_of_weights(sampler)
    reduce = UniformPoints(config.size, size) if sampler is None else None
    batches = Batches.of(frames, options, reduce=reduce)
    history = train(model, batches, loss_of, options, settings)
    model.eval()
    if placement.first:
        save_model(options.output / "model.safetensors", model, config)
    return {"loss": history[-1]["loss"]}
