# SPDX-License-Identifier: Apache-2.0
"""Models of other floating-point types, and models whose weights come off the meta device."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from adaseg_fast import ops
from adaseg_fast.nn import (
    AdaptiveDownsampler,
    AdaptiveSegmenter,
    DoubleUNet,
    UNet,
    UniformDownsampler,
)

IMAGE = torch.randint(
    256, (2, 3, 40, 30), generator=torch.Generator().manual_seed(1), dtype=torch.uint8
)


@pytest.fixture
def double_by_default() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def model_of(adaptive: bool) -> AdaptiveSegmenter:
    torch.manual_seed(0)
    network = UNet(4, width=8)
    if not adaptive:
        return AdaptiveSegmenter(network, UniformDownsampler((16, 16))).eval()
    sampler = DoubleUNet((4, 4), input_size=(8, 8), width=8)
    torch.nn.init.normal_(sampler.offset.weight, std=0.05)
    return AdaptiveSegmenter(network, AdaptiveDownsampler(sampler, (8, 8), (16, 16))).eval()


def agreement(labels: Tensor, model: AdaptiveSegmenter) -> float:
    return float((labels == model.predict(IMAGE)).double().mean())


both = pytest.mark.parametrize("adaptive", [False, True], ids=["uniform", "adaptive"])


@both
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("image", [torch.uint8, torch.float32, torch.float64])
def test_models_of_other_types(adaptive: bool, dtype: torch.dtype, image: torch.dtype) -> None:
    model = model_of(adaptive).to(dtype)
    scores, phi = model(IMAGE.to(image))
    assert scores.dtype == dtype
    assert phi.dtype in (torch.float32, torch.float64)
    labels = model.predict(IMAGE.to(image))
    assert agreement(labels, model_of(adaptive)) > (0.99 if dtype == torch.float64 else 0.8)


@both
def test_default_dtype(adaptive: bool, double_by_default: None) -> None:
    model = model_of(adaptive)
    scores, phi = model(IMAGE)
    assert scores.dtype == torch.float64
    labels = model.predict(IMAGE)
    assert torch.equal(labels, model.label(scores, phi, (40, 30)))


@both
def test_weights_assigned_to_a_model_on_the_meta_device(adaptive: bool) -> None:
    source = model_of(adaptive)
    with torch.device("meta"):
        model = model_of(adaptive)
    model.load_state_dict(source.state_dict(), assign=True)
    assert torch.equal(model.predict(IMAGE), source.predict(IMAGE))
    for name, buffer in model.named_buffers():
        assert not buffer.is_meta and not buffer.is_inference(), name
    model.train()
    model(IMAGE)[0].sum().backward()
    assert model.segmenter.classify.weight.grad is not None


def test_a_uniform_model_without_weights_comes_off_the_meta_device() -> None:
    with torch.device("meta"):
        downsampler = UniformDownsampler((5, 6))
    downsampler.load_state_dict({}, assign=True)
    assert torch.equal(downsampler(IMAGE)[1], ops.uniform_sampling_tensor((5, 6), batch_size=2))
