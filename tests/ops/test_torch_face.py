# SPDX-License-Identifier: Apache-2.0
"""Parts of torch that the operations have to live with: autocast, vmap, second derivatives,
deterministic algorithms, inference tensors, subclasses, and tensors that are no plain memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.utils._pytree import tree_map_only

from adaseg_fast import ops
from support.grids import grids

SIZE = (9, 11)
PHI = torch.from_numpy(grids("moved", (3, 4), SIZE, items=2))
SCORES = torch.randn(2, 3, 3, 4, generator=torch.Generator().manual_seed(0)).double()
IMAGE = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(1)).double()
LABELS = (3 * IMAGE[:, 0]).byte()

# Operation -> a call, and the tensors that go in.
CALLS: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "sample": (ops.sample, (IMAGE, PHI)),
    "interpolate": (lambda s, p: ops.interpolate(s, p, SIZE), (SCORES, PHI)),
    "interpolate_argmax": (lambda s, p: ops.interpolate_argmax(s, p, SIZE), (SCORES, PHI)),
    "triangles": (lambda p: ops.triangles(p, SIZE), (PHI,)),
    "rasterize": (lambda p: ops.rasterize(p, SIZE)[1], (PHI,)),
    "boundary_mask": (ops.boundary_mask, (LABELS,)),
    "nearest_boundary": (lambda a: ops.nearest_boundary(a, (3, 4)), (LABELS,)),
    "solve_sampling": (ops.solve_sampling, (PHI,)),
    "sampling_energy": (ops.sampling_energy, (PHI, PHI.flip(0))),
    "resize_sampling_tensor": (lambda p: ops.resize_sampling_tensor(p, (5, 6)), (PHI,)),
    "project_to_cover": (ops.project_to_cover, (PHI - 0.1,)),
}
ONCE = ("sample", "interpolate")  # differentiable once
TWICE = ("solve_sampling", "sampling_energy", "resize_sampling_tensor", "project_to_cover")
every_call = pytest.mark.parametrize("name", CALLS)


# --- autocast -------------------------------------------------------------------------------------


@every_call
def test_autocast_changes_nothing_by_itself(name: str) -> None:
    call, inputs = CALLS[name]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = call(*inputs)
    expected = call(*inputs)
    assert found.dtype == expected.dtype
    assert torch.equal(found, expected)


def test_training_under_autocast() -> None:
    """A network's scores come in bfloat16, phi in float32, and the weights get gradients."""
    head = nn.Conv2d(3, 5, 1)
    phi = PHI.float().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = head(ops.sample(IMAGE.float(), phi))
        full = ops.interpolate(scores, phi, SIZE)
        loss = nn.functional.cross_entropy(full, LABELS.long())
    assert scores.dtype == full.dtype == torch.bfloat16
    loss.backward()
    assert phi.grad is not None and phi.grad.dtype == torch.float32
    assert head.weight.grad is not None and head.weight.grad.abs().sum() > 0
    assert torch.isfinite(phi.grad).all()


# --- vmap -----------------------------------------------------------------------------------------


@every_call
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_vmap_is_a_loop(name: str) -> None:
    call, inputs = CALLS[name]
    found = vmap(lambda *items: call(*(item[None] for item in items))[0])(*inputs)
    assert torch.equal(found, call(*inputs))


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_gradient_through_vmap() -> None:
    gradients = []
    for batched in (False, True):
        scores, phi = (tensor.clone().requires_grad_() for tensor in (SCORES, PHI))
        if batched:
            full = vmap(lambda s, p: ops.interpolate(s[None], p[None], SIZE)[0])(scores, phi)
        else:
            full = ops.interpolate(scores, phi, SIZE)
        gradients.append(torch.autograd.grad(full.square().sum(), (scores, phi)))
    for one, other in zip(*gradients, strict=True):
        assert torch.equal(one, other)


# --- Second derivatives, and other kinds of differentiation ---------------------------------------


@pytest.mark.parametrize("name", TWICE)
def test_second_derivatives(name: str) -> None:
    call, inputs = CALLS[name]
    leaves = tuple(tensor.clone().requires_grad_() for tensor in inputs)
    assert torch.autograd.gradgradcheck(call, leaves)


@pytest.mark.parametrize("name", [*ONCE, "solve_sampling"])
def test_function_transforms_are_refused(name: str) -> None:
    call, inputs = CALLS[name]
    with pytest.raises(RuntimeError, match=r"autograd\.Function with functorch transforms"):
        torch.func.grad(lambda leaf: call(leaf, *inputs[1:]).sum())(inputs[0])


@pytest.mark.parametrize("name", [*ONCE, "solve_sampling"])
def test_forward_differentiation_is_right_or_refused(name: str) -> None:
    call, inputs = CALLS[name]
    direction = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(3)).double()
    try:
        _, found = torch.func.jvp(lambda leaf: call(leaf, *inputs[1:]), (inputs[0],), (direction,))
    except (RuntimeError, NotImplementedError):
        return
    ahead, behind = (call(inputs[0] + s * direction, *inputs[1:]) for s in (0.5, -0.5))
    assert torch.allclose(found, ahead - behind)  # all three are affine


# --- Deterministic algorithms ---------------------------------------------------------------------


@pytest.fixture
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@every_call
def test_deterministic_algorithms(name: str, deterministic: None) -> None:
    """None is refused, and uninitialised memory, which torch fills with NaN then, shows nowhere."""
    call, inputs = CALLS[name]
    results = []
    for _ in range(2):
        leaves = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
        if name in (*ONCE, *TWICE):
            found = call(*leaves)
            found.square().sum().backward()
            results.append([found.detach(), *(x.grad for x in leaves if x.grad is not None)])
            assert len(results[-1]) > 1
        else:
            results.append([call(*inputs)])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)
        assert not one.isnan().any()


# --- Inference tensors and subclasses -------------------------------------------------------------


@every_call
def test_inference_tensors(name: str) -> None:
    """Made in inference mode, used in it and after it."""
    call, inputs = CALLS[name]
    with torch.inference_mode():
        made = [tensor.clone() for tensor in inputs]
        within = call(*made)
    assert torch.equal(within, call(*inputs))
    assert torch.equal(call(*made), within)


def test_inference_tensors_in_training() -> None:
    with torch.inference_mode():
        phi = PHI.clone()
    scores = SCORES.clone().requires_grad_()
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        ops.interpolate(scores, phi, SIZE)


class Named(Tensor):
    """A subclass without behaviour of its own."""


class Wrapped(Tensor):
    """A subclass that holds a tensor and has no memory itself."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> Wrapped:
        made: Wrapped = Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        args, kwargs = tree_map_only(Wrapped, lambda x: x.inner, (args, kwargs or {}))
        return tree_map_only(Tensor, Wrapped, function(*args, **kwargs))


@every_call
def test_subclasses(name: str) -> None:
    call, inputs = CALLS[name]
    expected = call(*inputs)
    found = call(*(tensor.clone().as_subclass(Named) for tensor in inputs))
    assert isinstance(found, Named)
    assert torch.equal(found.as_subclass(Tensor), expected)
    assert torch.equal(call(*(nn.Parameter(x, requires_grad=False) for x in inputs)), expected)


@every_call
def test_subclasses_without_memory(name: str) -> None:
    """They see the operation itself; no address of theirs is ever read."""
    call, inputs = CALLS[name]
    found = call(*map(Wrapped, inputs))
    assert isinstance(found, Wrapped)
    assert torch.equal(found.inner, call(*inputs))


@pytest.mark.parametrize(
    ("change", "backend"),
    [
        (lambda x: x.to_sparse(), "SparseCPU"),
        (lambda x: x.float().to_mkldnn(), "MkldnnCPU"),
    ],
)
@pytest.mark.parametrize("name", ONCE)
def test_tensors_that_are_no_plain_memory(name: str, change: Any, backend: str) -> None:
    call, inputs = CALLS[name]
    with pytest.raises(NotImplementedError, match=rf"adaseg::{name}.*'{backend}' backend"):
        call(change(inputs[0]), *inputs[1:])


@pytest.mark.parametrize("dtype", [torch.complex64, torch.float8_e4m3fn])
def test_other_types(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match=f"tensors of dtype {dtype} are not supported"):
        ops.sample(IMAGE.float().to(dtype), PHI)
