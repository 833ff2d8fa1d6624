# SPDX-License-Identifier: Apache-2.0
"""A frozen sampler stays frozen, and a trainable one trains."""

from __future__ import annotations

import copy
import socket

import pytest
import torch
from torch import distributed, nn

from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter, DoubleUNet, UNet

IMAGE = torch.randint(256, (2, 3, 40, 30), dtype=torch.uint8)


def model_of(trainable: bool | None = None) -> AdaptiveSegmenter:
    torch.manual_seed(0)
    sampler = DoubleUNet((4, 4), input_size=(8, 8), width=8)
    nn.init.normal_(sampler.offset.weight, std=0.05)
    options = {} if trainable is None else {"trainable": trainable}
    downsampler = AdaptiveDownsampler(sampler, (8, 8), (16, 16), **options)
    return AdaptiveSegmenter(UNet(4, width=8), downsampler)


def frozen_models() -> list[AdaptiveSegmenter]:
    thawed = model_of(trainable=True).train()
    assert thawed.downsampler.freeze() is thawed.downsampler
    return [model_of(), model_of(trainable=False), thawed]


@pytest.mark.parametrize("number", range(3), ids=["by default", "as told", "later"])
def test_training_leaves_a_frozen_sampler_alone(number: int) -> None:
    model = frozen_models()[number]
    model = copy.deepcopy(model).train().to(torch.float32)
    assert model.training and model.segmenter.training
    assert not any(module.training for module in model.downsampler.modules())
    before = copy.deepcopy(model.downsampler.state_dict())
    phi = model.choose_points(IMAGE)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    model(IMAGE)[0].square().sum().backward()
    optimizer.step()
    for name, value in model.downsampler.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert torch.equal(phi, model.eval().choose_points(IMAGE)), "(3) holds in training, too"
    assert all(p.grad is not None for p in model.segmenter.parameters())


def test_a_trainable_sampler_trains() -> None:
    model = model_of(trainable=True).train()
    sampler = model.downsampler.sampler
    before = sampler.entry[1].running_mean.clone()
    model(IMAGE)[1].square().sum().backward()
    assert model.downsampler.training and sampler.offset.weight.grad.any()
    assert not torch.equal(sampler.entry[1].running_mean, before)


def test_several_processes_need_nothing_more() -> None:
    """DistributedDataParallel waits for gradients of all parameters that require one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=0, world_size=1
    )
    try:
        parallel = nn.parallel.DistributedDataParallel(model_of().train())
        for _ in range(2):  # the second step fails if the first left parameters unused
            parallel(IMAGE)[0].sum().backward()
    finally:
        distributed.destroy_process_group()
