# SPDX-License-Identifier: Apache-2.0
"""Networks made ready for inference: batch normalisation folded, memory laid out for the CPU."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import fx, nn
from torch.nn.utils import fuse_conv_bn_eval

from adaseg_fast.nn.blocks import UniformGrid
from adaseg_fast.nn.double_unet import DoubleUNet
from adaseg_fast.nn.downsample import AdaptiveDownsampler
from adaseg_fast.nn.segmenter import AdaptiveSegmenter
from adaseg_fast.nn.unet import UNet

Module = TypeVar("Module", bound=nn.Module)


def prepare_for_inference(module: Module) -> Module:
    """A copy in evaluation mode that computes the same, to rounding, in less time.

    Batch normalisation is folded into the convolution before it, where a symbolic trace of the
    network shows that nothing else sees the convolution: both are called once, one on the other's
    result. A network that cannot be traced (its control flow depends on the data, say) is copied
    as it is. The networks of this package keep their weights channels last on the CPU.

    The copy is for inference only: training it would be training another network, and its weights
    do not fit the original.

    Args:
        module: a network, or an :class:`~adaseg_fast.nn.AdaptiveSegmenter` or
            :class:`~adaseg_fast.nn.AdaptiveDownsampler` around networks; stays untouched.

    Returns:
        A copy of ``module``, of its class.
    """
    prepared = copy.deepcopy(module).eval()
    names = Counter(id(part) for _, part in prepared.named_modules(remove_duplicate=False))
    for network in _networks(prepared):
        for convolution, normalisation in _foldable_pairs(network, names):
            _fold(network, convolution, normalisation)
        if type(network) in (UNet, DoubleUNet) and _is_on_cpu(network):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return prepared


class _Tracer(fx.Tracer):
    """Takes the fixed grids as one step: they expand to a batch size that no trace knows."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, UniformGrid) or super().is_leaf_module(m, module_qualified_name)


def _networks(module: nn.Module) -> Iterator[nn.Module]:
    """The networks that ``module`` is made of, each of which it calls as a whole."""
    if type(module) is AdaptiveSegmenter:
        yield from _networks(module.segmenter)
        yield from _networks(module.downsampler)
    elif type(module) is AdaptiveDownsampler:
        yield module.sampler
    else:
        yield module


def _foldable_pairs(network: nn.Module, names: Counter[int]) -> list[tuple[str, str]]:
    """Names of convolutions and of the normalisations that alone see their results.

    ``names`` counts how many names each module has: one under several may be called elsewhere.
    """
    try:
        graph = _Tracer().trace(network)
    except Exception:  # a forward method may raise whatever it likes when it meets the unexpected
        return []
    calls = Counter(str(node.target) for node in graph.nodes if node.op == "call_module")
    touched = {str(node.target).rpartition(".")[0] for node in graph.nodes if node.op == "get_attr"}
    pairs = []
    for node in graph.nodes:
        before = node.args[0] if len(node.args) == 1 and not node.kwargs else None
        if node.op != "call_module" or not isinstance(before, fx.Node):
            continue
        if before.op != "call_module" or len(before.users) > 1:
            continue
        pair = str(before.target), str(node.target)
        modules = [network.get_submodule(name) for name in pair]
        alone = all(calls[name] == 1 and name not in touched for name in pair)
        if alone and all(names[id(m)] == 1 for m in modules) and _fit(*modules):
            pairs.append(pair)
    return pairs


def _fit(convolution: nn.Module, normalisation: nn.Module) -> bool:
    """Whether they are the plain layers, with nothing hooked into them."""
    if type(convolution) is not nn.Conv2d or type(normalisation) is not nn.BatchNorm2d:
        return False
    hooked = any(
        module._forward_hooks or module._forward_pre_hooks
        for module in (convolution, normalisation)
    )
    return (
        not hooked
        and normalisation.running_mean is not None
        and normalisation.num_features == convolution.out_channels
    )


def _fold(network: nn.Module, convolution: str, normalisation: str) -> None:
    layers = network.get_submodule(convolution), network.get_submodule(normalisation)
    assert isinstance(layers[0], nn.Conv2d) and isinstance(layers[1], nn.BatchNorm2d)
    fused = fuse_conv_bn_eval(layers[0], layers[1])
    for name, layer in ((convolution, fused), (normalisation, nn.Identity())):
        owner, _, attribute = name.rpartition(".")
        setattr(network.get_submodule(owner), attribute, layer.eval())


def _is_on_cpu(network: nn.Module) -> bool:
    return all(parameter.device.type == "cpu" for parameter in network.parameters())
