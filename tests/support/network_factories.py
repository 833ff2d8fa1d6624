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
