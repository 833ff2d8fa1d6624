# SPDX-License-Identifier: Apache-2.0
"""What `torch.compile` needs to compile other methods of a module than ``forward``.

A method of ``torch.compile(model)`` is the method of the module inside, which knows nothing of the
compiler. So the methods named here are compiled when the wrapper is made around their module; each
when it is called first, as ``forward`` is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import nn
from torch._dynamo.eval_frame import OptimizedModule
from torch.nn.modules.module import register_module_module_registration_hook

Function = TypeVar("Function", bound=Callable[..., Any])


def without_gradient(function: Function) -> Function:
    """Let a function run in inference mode; while it is compiled, without gradients instead.

    A view of a parameter or buffer cannot be compiled where inference mode begins in the same
    graph (torch 2.13), and the failure leaves torch unusable in the process.

    Args:
        function: Any function.

    Returns:
        The function in that mode.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            with torch.no_grad():
                return function(*args, **kwargs)
        with torch.inference_mode():
            return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def compile_too(module: type[nn.Module], *methods: str) -> None:
    """Let ``torch.compile(model)`` compile other methods beside ``forward``.

    Args:
        module: The class of the models, and of all derived ones.
        methods: Names of the methods.
    """

    def hook(owner: nn.Module, name: str, child: nn.Module | None) -> None:
        if name == "_orig_mod" and isinstance(owner, OptimizedModule) and isinstance(child, module):
            for method in methods:
                # Not setattr, which would set the attribute of the module inside.
                vars(owner)[method] = _compiled_later(owner, child, method)

    register_module_module_registration_hook(hook)


def _compiled_later(owner: Any, inside: nn.Module, name: str) -> Callable[..., Any]:
    """A method of ``inside``, compiled on its first call with the settings of ``owner``."""
    method = getattr(inside, name)
    compiled: Callable[..., Any] | None = None

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal compiled
        if compiled is None:
            compiled = owner.dynamo_ctx(method)
        return compiled(*args, **kwargs)

    return call
