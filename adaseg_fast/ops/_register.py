# SPDX-License-Identifier: Apache-2.0
"""Registers operations as ``torch.ops.adaseg.NAME``; no other module uses torch.library.

Each operation has a schema, a function that checks the arguments and allocates the outputs, a
function that fills them, and optionally an autograd function. The second is also the shape function
for ``torch.compile`` (torch calls it a fake), since it needs shapes alone. The autograd kernel is
registered by hand: inference mode skips it, which makes a call several microseconds cheaper than
with ``torch.library.custom_op``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.autograd import forward_ad

from adaseg_fast.ops._cuda import run_on_device

_library: Any = torch.library.Library("adaseg", "DEF")  # type: ignore[no-untyped-call]

Function = Callable[..., Any]


def register(
    schema: str,
    allocate: Function,
    fill: Function,
    devices: Sequence[str] = ("CPU", "CUDA"),
) -> None:
    """Define an operation that allocates outputs and fills them.

    Args:
        schema: As ``torch.library.Library.define`` takes it.
        allocate: ``allocate(*args)`` checks the arguments and returns the outputs, uninitialised.
        fill: ``fill(outputs, *args)`` computes them.
        devices: The devices that this implementation is for.
    """
    name = schema.split("(", 1)[0]
    _library.define(schema)

    def call(*args: Any) -> Any:
        outputs = allocate(*args)
        fill(outputs, *args)
        return outputs

    def on_cuda(*args: Any) -> Any:
        return run_on_device(call, *args)

    for device, kernel in (("CPU", call), ("CUDA", on_cuda)):
        if device in devices:
            _library.impl(name, kernel, device)
    torch.library.register_fake(f"adaseg::{name}", allocate, lib=_library)


def register_elsewhere(name: str, function: Function) -> None:
    """Implement an operation by torch's own ones on all devices that have no kernel for it."""
    _library.impl(name, function, "CompositeExplicitAutograd")


def register_composite(schema: str, function: Function) -> None:
    """Define an operation made of torch's own, which gives it all devices and gradients."""
    _library.define(schema)
    _library.impl(schema.split("(", 1)[0], function, "CompositeImplicitAutograd")


def register_autograd(name: str, function: type[torch.autograd.Function], inputs: int) -> None:
    """Make an operation differentiable in its first ``inputs`` arguments, which are tensors."""

    def with_gradient(*args: Any) -> Any:
        _refuse_tangents(name, args[:inputs])
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in args[:inputs]):
            return function.apply(*args)  # type: ignore[no-untyped-call]
        return without_gradient(name, *args)

    _library.impl(name, with_gradient, "Autograd")


def _refuse_tangents(name: str, tensors: Sequence[Any]) -> None:
    """Refuse forward-mode tangents, which would be lost silently.

    Raises:
        RuntimeError: One of the tensors has a tangent.
    """
    if forward_ad._current_level < 0:  # this costs less than looking at each tensor
        return
    duals = map(forward_ad.unpack_dual, tensors)
    if any(dual.tangent is not None for dual in duals):
        raise RuntimeError(
            f"adaseg::{name} cannot be differentiated in forward mode; use reverse mode"
        )


def register_no_gradient(name: str, reason: str | None = None) -> None:
    """Declare that an operation has no gradient.

    Args:
        name: The operation.
        reason: Message of the RuntimeError that a call raises if an input requires a gradient;
            None to return results without gradients instead.
    """

    def kernel(*args: Any) -> Any:
        if (
            reason
            and torch.is_grad_enabled()
            and any(isinstance(a, torch.Tensor) and a.requires_grad for a in args)
        ):
            raise RuntimeError(reason)
        return without_gradient(name, *args)

    _library.impl(name, kernel, "Autograd")


def without_gradient(name: str, *args: Any) -> Any:
    """Call the operation itself, below autograd."""
    with torch._C._AutoDispatchBelowAutograd():
        return getattr(torch.ops.adaseg, name).default(*args)
