# SPDX-License-Identifier: Apache-2.0
"""Prepare networks for inference: fold batch normalisation, lay out memory for the CPU."""

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
    """Return a copy in evaluation mode that computes the same, up to rounding, in less time.

    Batch normalisation is folded into the convolution before it, where a symbolic trace of the
    network shows that nothing else uses the convolution's result and both are called once. A
    network that cannot be traced (because its control flow depends on the data, for instance) is
    copied as it is. The networks of this package get their weights channels last on the CPU.

    The copy is for inference only. Do not train the copy or load its state dict into the original;
    its parameters differ.

    Args:
        module: A network, or an :class:`~adaseg_fast.nn.AdaptiveSegmenter` or
            :class:`~adaseg_fast.nn.AdaptiveDownsampler` around networks. It is not changed.

    Returns:
        A copy of ``module``, of its class.

    Example:
        >>> import torch
        >>> network, image = UNet(5, width=4).eval(), torch.rand(1, 3, 20, 20)
        >>> torch.allclose(prepare_for_inference(network)(image), network(image), atol=1e-4)
        True
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
    """Records a fixed grid as one step, since it depends on a batch size that no trace has."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, UniformGrid) or super().is_leaf_module(m, module_qualified_name)


def _networks(module: nn.Module) -> Iterator[nn.Module]:
    """The networks within ``module``, each of which it calls as a whole."""
    if isinstance(module, AdaptiveSegmenter) and (
        type(module).forward is AdaptiveSegmenter.forward
    ):
        yield from _networks(module.segmenter)
        yield from _networks(module.downsampler)
    elif type(module) is AdaptiveDownsampler:
        yield module.sampler
    else:
        yield module


def _foldable_pairs(network: nn.Module, names: Counter[int]) -> list[tuple[str, str]]:
    """Pairs of a convolution and the normalisation that alone uses its result, by name.

    ``names`` counts how many names each module has: a module with several may be called elsewhere.
    """
    try:
        graph = _Tracer().trace(network)
    except Exception:  # a forward method may raise anything when it gets a tracer's proxies
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
    """Whether both are torch's plain layers, without hooks, and of matching sizes."""
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
