# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation over processes. One process must see what the plain layer sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import distributed, nn

from adaseg_fast.nn.synced_norm import SyncedBatchNorm2d, sync_batch_norm


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("affine", [True, False])
def test_like_the_plain_layer(momentum: float | None, affine: bool) -> None:
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(5, momentum=momentum, affine=affine).double()
    synced = nn.Sequential(nn.BatchNorm2d(5, momentum=momentum, affine=affine))
    sync_batch_norm(synced)
    assert type(synced[0]) is SyncedBatchNorm2d
    for _ in range(3):
        x = torch.randn(4, 5, 3, 7) * 2 + 100  # a mean that a sum of squares would drown in
        ours = x.clone().requires_grad_()
        theirs = x.double().requires_grad_()
        upstream = torch.randn(4, 5, 3, 7)
        result, wanted = synced(ours), plain(theirs)
        result.backward(upstream)
        wanted.backward(upstream.double())
        assert torch.allclose(result.double(), wanted, atol=1e-4)
        assert ours.grad is not None and theirs.grad is not None
        assert torch.allclose(ours.grad.double(), theirs.grad, atol=1e-4)
    for name, value in plain.state_dict().items():
        assert torch.allclose(synced[0].state_dict()[name].double(), value.double(), rtol=1e-5)
    assert torch.allclose(synced.eval()(x).double(), plain.eval()(x.double()), atol=1e-4)


def test_statistics_of_half_precision_are_float32() -> None:
    synced = SyncedBatchNorm2d(3)
    x = (torch.randn(8, 3, 16, 16) + 300).bfloat16()
    result = synced(x)
    assert result.dtype is torch.bfloat16
    assert torch.allclose(result.float().mean((0, 2, 3)), torch.zeros(3), atol=0.01)


def test_weights_and_modes_are_kept() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()))
    nn.init.normal_(network[1][0].weight)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    parameters = list(network.parameters())
    network[1].eval()
    sync_batch_norm(network)
    assert [id(p) for p in network.parameters()] == [id(p) for p in parameters]
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not network[1][0].training
    without = nn.Sequential(nn.BatchNorm2d(4, track_running_stats=False))
    sync_batch_norm(without)
    x = torch.randn(2, 4, 3, 3)
    assert torch.allclose(without(x), nn.BatchNorm2d(4, track_running_stats=False)(x), atol=1e-6)
