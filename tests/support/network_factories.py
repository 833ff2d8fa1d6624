# SPDX-License-Identifier: Apache-2.0
"""Base networks that tests name as MODULE:FACTORY."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

imports: list[str] = []


def strided(num_classes: int) -> nn.Module:
    """Scores at every fourth pixel."""
    imports.append("strided")
    return nn.Sequential(
        nn.Conv2d(3, 8, 4, stride=4), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, num_classes, 1)
    )


class Logits(nn.Module):
    """Takes the scores out of a result that has several fields."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.network(image).logits
        return scores


def segformer(num_classes: int) -> nn.Module:
    """The SegFormer of ``transformers``, small and with random weights."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config = SegformerConfig(
        num_labels=num_classes,
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 16, 24, 32],
        decoder_hidden_size=16,
        num_attention_heads=[1, 1, 2, 2],
    )
    return Logits(SegformerForSemanticSegmentation(config))


def nothing(num_classes: int) -> Tensor:
    return torch.zeros(num_classes)


def wider(num_classes: int) -> nn.Module:
    return nn.Conv2d(3, num_classes + 1, 1)


def single(num_classes: int) -> nn.Module:
    return nn.Conv2d(3, 1, 1)


def pair(num_classes: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(3, num_classes, 1), nn.Conv2d(3, num_classes, 1)


def averaged(num_classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, num_classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def failing(num_classes: int) -> nn.Module:
    raise KeyError("no such weights")


class _Function(nn.Module):
    """A network that ends in a function of its scores."""

    def __init__(self, network: nn.Module, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.network, self.function = network, function

    def forward(self, image: Tensor) -> Any:
        return self.function(self.network(image))


def scores_in_a_tuple(num_classes: int) -> nn.Module:
    return _Function(nn.Conv2d(3, num_classes, 1), lambda scores: (scores,))


def single_of_values(num_classes: int) -> nn.Module:
    """Its way depends on values, which the meta device does not have."""
    return _Function(single(num_classes), lambda scores: scores if scores.sum() > 0 else -scores)


def failing_on_images(num_classes: int) -> nn.Module:
    def fail(scores: Tensor) -> None:
        raise RuntimeError("too\nmany lines")

    return _Function(nn.Conv2d(3, num_classes, 1), fail)


def shared(num_classes: int) -> nn.Module:
    """Two layers with one weight."""
    first, second = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
    second.weight = first.weight
    return nn.Sequential(first, nn.ReLU(), second, nn.Conv2d(3, num_classes, 1))


def one_channel(num_classes: int) -> nn.Module:
    """The logit of class 1."""
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))


def one_too_many(num_classes: int) -> nn.Module:
    return nn.Conv2d(3, num_classes + 1, 1)


def broken(num_classes: int) -> nn.Module:
    network = nn.Conv2d(3, num_classes, 1)
    nn.init.constant_(network.bias, float("nan"))  # type: ignore[arg-type]
    return network


def raising(num_classes: int) -> nn.Module:
    raise KeyError("no\nsuch weights")


class Constant(nn.Module):
    """Costs the same at every size."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(3, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.layer(image.mean((2, 3)))
        return scores[:, :, None, None].expand(-1, -1, *image.shape[2:])


def constant(num_classes: int) -> nn.Module:
    return Constant(num_classes)


class Looking(nn.Module):
    """What it does depends on its data."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, num_classes, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.layer(image)
        return scores if float(scores.sum()) > 0 else -scores


def looking(num_classes: int) -> nn.Module:
    return Looking(num_classes)


class Pairs(nn.Conv2d):
    """Gives scores, and something else."""

    def forward(self, image: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return super().forward(image), None


def segmenter_of_pairs(num_classes: int) -> nn.Module:
    return Pairs(3, num_classes, 1)


def plain(num_classes: int) -> nn.Module:
    """Costs what `looking` does."""
    return nn.Conv2d(3, num_classes, 3, padding=1)
