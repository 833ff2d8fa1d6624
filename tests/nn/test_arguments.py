# SPDX-License-Identifier: Apache-2.0
"""What modules are made with: integers of every kind serve, and an error names the argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from adaseg_fast.nn import AdaptiveDownsampler, DoubleUNet, UNet, UniformDownsampler


@pytest.mark.parametrize(
    "size", [[4, 6], torch.Size([4, 6]), torch.tensor([4, 6]), np.array([4, 6])]
)
def test_sizes_of_every_kind(size: Any) -> None:
    adaptive = AdaptiveDownsampler(nn.Identity(), size, size)
    network = DoubleUNet(size, input_size=np.array([8, 9]), width=np.int64(8))
    for found in (UniformDownsampler(size).size, adaptive.size, adaptive.view_size, network.size):
        assert found == (4, 6)
        assert all(type(side) is int for side in found)
    assert network.input_size == (8, 9) and type(network.width) is int


@pytest.mark.parametrize("values", [[1, 2, 3], torch.tensor([1, 2, 3]), np.arange(1.0, 4)])
def test_statistics_of_every_kind(values: Any) -> None:
    model = UniformDownsampler((4, 4), mean=values, std=values)
    assert model.mean == model.std == (1.0, 2.0, 3.0)
    assert all(type(x) is float for x in model.mean)


ODD: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "size an integer": (
        lambda: UniformDownsampler(64),  # type: ignore[arg-type]
        TypeError,
        "^size must be two integers, got 64",
    ),
    "size a scalar tensor": (
        lambda: UniformDownsampler(torch.tensor(64)),  # type: ignore[arg-type]
        TypeError,
        "^size must be two integers",
    ),
    "size of fractions": (
        lambda: UniformDownsampler((8.5, 8)),  # type: ignore[arg-type]
        TypeError,
        r"^size must be two integers, got \(8.5, 8\)",
    ),
    "size of booleans": (
        lambda: UniformDownsampler((True, 8)),
        TypeError,
        "^size must be two integers",
    ),
    "view_size an integer": (
        lambda: AdaptiveDownsampler(nn.Identity(), 8, (8, 8)),  # type: ignore[arg-type]
        TypeError,
        "^view_size must be two integers, got 8",
    ),
    "size of a sampler": (
        lambda: DoubleUNet(8),  # type: ignore[arg-type]
        TypeError,
        "^size must be two integers, got 8",
    ),
    "input_size": (
        lambda: DoubleUNet(input_size=32),  # type: ignore[arg-type]
        TypeError,
        "^input_size must be two integers, got 32",
    ),
    "width a fraction": (
        lambda: UNet(3, width=8.0),  # type: ignore[arg-type]
        TypeError,
        "^width must be an integer, got 8.0",
    ),
    "num_classes a text": (
        lambda: UNet("3"),  # type: ignore[arg-type]
        TypeError,
        "^num_classes must be an integer, got '3'",
    ),
    "mean a number": (
        lambda: UniformDownsampler((4, 4), mean=0.5),  # type: ignore[arg-type]
        TypeError,
        "^mean must be a sequence with one number per channel, got 0.5",
    ),
    "std of shape (3, 1, 1)": (
        lambda: UniformDownsampler((4, 4), std=torch.ones(3, 1, 1)),  # type: ignore[arg-type]
        TypeError,
        "^std must be a sequence with one number per channel",
    ),
    "mean infinite": (
        lambda: UniformDownsampler((4, 4), mean=(0, float("inf"), 0)),
        ValueError,
        "^mean must be finite",
    ),
    "std NaN": (
        lambda: UniformDownsampler((4, 4), std=(1, float("nan"), 1)),
        ValueError,
        "^std must be positive",
    ),
    "value_range": (
        lambda: UniformDownsampler((4, 4), value_range=2.0),
        ValueError,
        "^value_range must be 255.0 or 1.0, got 2.0",
    ),
    "value_range a text": (
        lambda: UniformDownsampler((4, 4), value_range="one"),  # type: ignore[arg-type]
        TypeError,
        "^value_range must be a number, got 'one'",
    ),
}


@pytest.mark.parametrize(("make", "error", "message"), ODD.values(), ids=ODD)
def test_an_error_names_the_argument(
    make: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()
