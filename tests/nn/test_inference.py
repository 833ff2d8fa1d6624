# SPDX-License-Identifier: Apache-2.0
"""`prepare_for_inference`: the same results from fewer layers, or the same layers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adaseg_fast.nn import (
    AdaptiveDownsampler,
    AdaptiveSegmenter,
    DoubleUNet,
    UNet,
    UniformDownsampler,
    prepare_for_inference,
)


def used(network: nn.Module) -> nn.Module:
    """With the statistics and weights of a network that has been trained."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.25, 4, generator=generator)
        if isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight, generator=generator)
            nn.init.normal_(module.bias, generator=generator)
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=0.2, generator=generator)
    return network


def normalisations(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def image(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def check(network: nn.Module, x: Tensor, left: int) -> nn.Module:
    """Equal results, ``left`` normalisations left over, the original as it was."""
    state = copy.deepcopy(network.state_dict())
    modes = [module.training for module in network.modules()]
    prepared = prepare_for_inference(network)
    assert normalisations(prepared) == left
    assert [module.training for module in network.modules()] == modes
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in state.items())
    assert not any(module.training for module in prepared.modules())
    expected = copy.deepcopy(network).eval()(x)
    torch.testing.assert_close(prepared(x), expected, rtol=1e-4, atol=1e-4 * expected.abs().max())
    return prepared


# --- Networks of this package ---------------------------------------------------------------------


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (1, 40)])
def test_unet(size: tuple[int, int]) -> None:
    prepared = check(used(UNet(5, width=16)), image(2, 3, *size), left=0)
    assert isinstance(prepared, UNet)
    assert prepared.encoder[1][0].weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("size", "view"), [((8, 8), (32, 32)), ((3, 5), (21, 19))])
def test_double_unet(size: tuple[int, int], view: tuple[int, int]) -> None:
    network = used(DoubleUNet(size, input_size=view, width=16))
    prepared = check(network, image(2, 3, *view), left=0)
    with pytest.raises(ValueError, match="view must have shape"):
        prepared(image(2, 3, 5, 5))


@pytest.mark.parametrize("adaptive", [False, True])
def test_whole_models(adaptive: bool) -> None:
    sampler = used(DoubleUNet((4, 4), input_size=(16, 16), width=16))
    nn.init.normal_(sampler.offset.weight, std=0.02)
    downsampler = (
        AdaptiveDownsampler(sampler, (16, 16), (24, 24))
        if adaptive
        else UniformDownsampler((24, 24))
    )
    model = AdaptiveSegmenter(used(UNet(4, width=16)), downsampler).eval()
    prepared = prepare_for_inference(model)
    assert normalisations(prepared) == 0
    picture = torch.randint(256, (2, 3, 50, 60), dtype=torch.uint8)
    with torch.inference_mode():
        pairs = list(zip(prepared(picture), model(picture), strict=True))
    if not adaptive:  # a point that moves by a rounding may take another pixel
        torch.testing.assert_close(*pairs[0], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(*pairs[1], rtol=1e-4, atol=1e-4)
    agree = prepared.predict(picture) == model.predict(picture)
    assert agree.double().mean() > 0.95


# --- Other people's -------------------------------------------------------------------------------


def conv(a: int = 3, b: int = 4, **options: Any) -> nn.Conv2d:
    return nn.Conv2d(a, b, 3, padding=1, **options)


class Network(nn.Module):
    """Two convolutions, two normalisations, and a forward method of its own."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.first, self.norm = conv(), nn.BatchNorm2d(4)
        self.second, self.other = conv(4, 4), nn.BatchNorm2d(4)
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.way = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.way(self, x)


WAYS: dict[str, tuple[Callable[[Any, Tensor], Tensor], int]] = {
    "in order": (lambda m, x: m.other(m.second(F.relu(m.norm(m.first(x))))), 0),
    "used before as well": (lambda m, x: (y := m.first(x)) + m.other(m.second(m.norm(y))), 1),
    "function between": (lambda m, x: m.other(m.second(m.norm(F.relu(m.first(x))))), 1),
    "exchanged": (lambda m, x: m.norm(m.second(m.other(m.first(x)))), 0),
    "convolution twice": (lambda m, x: m.other(m.second(m.norm(m.second(m.first(x))))), 2),
    "normalisation twice": (lambda m, x: m.norm(m.second(m.norm(m.first(x)))), 2),
    "weights looked at": (lambda m, x: m.norm(m.first(x)) * m.first.weight.mean(), 2),
    "never called": (lambda m, x: m.norm(m.first(x)), 1),
    "depends on the data": (lambda m, x: m.norm(m.first(x)) if x.sum() < 1e9 else x, 2),
    "depends on the shape": (lambda m, x: m.norm(m.first(x)) if x.shape[2] > 1 else x, 2),
}


@pytest.mark.parametrize(("forward", "left"), WAYS.values(), ids=WAYS)
def test_what_is_seen_elsewhere_stays(forward: Callable[[Any, Tensor], Tensor], left: int) -> None:
    check(used(Network(forward)), image(2, 3, 6, 7), left)


def in_order(m: Any, x: Tensor) -> Tensor:
    return m.norm(m.first(x))


class Doubled(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


@pytest.mark.parametrize(
    "layers",
    [
        {"first": Doubled(3, 4, 3)},
        {"norm": nn.BatchNorm2d(4, track_running_stats=False)},
        {"norm": nn.InstanceNorm2d(4)},
        {"first": nn.utils.parametrizations.weight_norm(conv())},
    ],
    ids=["subclass", "no statistics", "other normalisation", "parametrised"],
)
def test_other_layers_stay(layers: dict[str, nn.Module]) -> None:
    network = used(Network(in_order, **layers))
    check(network, image(2, 3, 6, 7), normalisations(network))


@pytest.mark.parametrize(
    "layers",
    [
        {"first": conv(bias=False, stride=2), "norm": nn.BatchNorm2d(4, affine=False)},
        {"first": nn.Conv2d(3, 4, (1, 5), dilation=2, padding_mode="circular", padding=(0, 4))},
        {"first": nn.Conv2d(3, 6, 3, groups=3), "norm": nn.BatchNorm2d(6, eps=0.5)},
    ],
)
def test_kinds_of_convolutions(layers: dict[str, nn.Module]) -> None:
    check(used(Network(in_order, **layers)), image(2, 3, 16, 17), left=1)


def test_layers_under_two_names_stay() -> None:
    layer = conv()
    network = Network(in_order, first=layer)
    network.aux = nn.Sequential(layer)
    check(used(network), image(2, 3, 6, 7), left=2)


def test_layers_with_hooks_stay() -> None:
    network = used(Network(in_order))
    network.first.register_forward_hook(lambda module, inputs, output: 3 * output)
    check(network, image(2, 3, 6, 7), left=2)


def test_sequences_nested() -> None:
    block = nn.Sequential(conv(3, 4), nn.BatchNorm2d(4), nn.Sequential(nn.ReLU(), conv(4, 3)))
    check(used(nn.Sequential(block, nn.BatchNorm2d(3))), image(2, 3, 6, 7), left=0)


def test_networks_that_share_layers_stay() -> None:
    shared = used(UNet(2, width=8))
    model = AdaptiveSegmenter(shared, AdaptiveDownsampler(shared, (16, 16), (16, 16)))
    assert normalisations(prepare_for_inference(model)) == normalisations(shared)


def test_other_networks_keep_their_memory_format() -> None:
    """They may look at strides."""

    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(conv(), nn.BatchNorm2d(4))

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x).view(len(x), -1)

    prepared = prepare_for_inference(used(Flat()))
    assert prepared(image(1, 3, 6, 7)).shape == (1, 4 * 6 * 7)


def test_scripted_modules_stay() -> None:
    network = torch.jit.script(used(nn.Sequential(conv(), nn.BatchNorm2d(4))).eval())
    x = image(2, 3, 6, 7)
    assert torch.equal(prepare_for_inference(network)(x), network(x))
