# SPDX-License-Identifier: Apache-2.0
"""Base networks that tests name as MODULE:FACTORY."""

from __future__ import annotations

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
