# SPDX-License-Identifier: Apache-2.0
"""``torch.ops.adaseg``: schemas, fakes and autograd as torch wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.library import opcheck
from torch.utils._pytree import tree_map_only

from adaseg_fast import ops
from support.grids import grids

SIZE = (9, 11)
PHI = torch.from_numpy(grids("moved", (3, 4), SIZE, items=2)).float()
SCORES = torch.randn(2, 3, 3, 4, generator=torch.Generator().manual_seed(0))
IMAGE = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))
BYTES = (255 * IMAGE).byte().permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
LABELS = BYTES[:, 0] // 64
GRAD = torch.randn(2, 3, *SIZE, generator=torch.Generator().manual_seed(2))


def leaf(tensor: Tensor) -> Tensor:
    return tensor.clone().requires_grad_()


# Arguments to try each operation with.
SAMPLES: dict[str, list[tuple[Any, ...]]] = {
    "boundary_mask": [(LABELS,), (LABELS.long(), [1, 2], 0)],
    "interpolate": [
        (leaf(SCORES), leaf(PHI), SIZE),
        (leaf(SCORES.bfloat16()), PHI.half(), SIZE, "anti"),
    ],
    "interpolate_argmax": [(SCORES, PHI, SIZE), (leaf(SCORES), leaf(PHI), (5, 1), "main")],
    "interpolate_backward": [(GRAD, SCORES, PHI, True, True), (GRAD, SCORES, PHI, False, True)],
    "nearest_boundary": [(LABELS, (3, 4)), (LABELS.int(), (2, 5), [1], 0)],
    "project_to_cover": [(leaf(PHI),)],
    "rasterize": [(PHI, SIZE), (leaf(PHI.double()), (1, 5), "main")],
    "resize_sampling_tensor": [(leaf(PHI), (6, 5)), (PHI.bfloat16(), (3, 4))],
    "sample": [(leaf(IMAGE), PHI), (BYTES, PHI, [1.0, 2.0, 3.0], [4.0, 5.0, 6.0])],
    "sample_backward": [(SCORES, PHI, SIZE, [1.0, 2.0, 3.0], torch.float32)],
    "sampling_energy": [(leaf(PHI), leaf(PHI), 0.5)],
    "solve_sampling": [(leaf(PHI),), (PHI.half(), 0.5, True)],
    "triangles": [(PHI, SIZE), (leaf(PHI), SIZE, "anti")],
    "uniform_sampling_tensor": [((3, 4),), ((3, 4), 2)],
}
CASES = [
    pytest.param(name, arguments, id=f"{name}-{k}")
    for name, samples in SAMPLES.items()
    for k, arguments in enumerate(samples)
]
every_case = pytest.mark.parametrize(("name", "arguments"), CASES)


def as_list(result: Any) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else list(result)


def overload(name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(torch.ops.adaseg, name).default
    return found


def test_no_operation_is_left_out() -> None:
    registered = {
        name.removeprefix("adaseg::")
        for name in torch._C._dispatch_get_all_op_names()
        if name.startswith("adaseg::")
    }
    assert registered == set(SAMPLES)
    assert set(ops.__all__) == {name for name in registered if not name.endswith("_backward")}


# The check itself asks non-leaf tensors for gradients, and torch 2.14 objects.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@every_case
def test_opcheck(name: str, arguments: tuple[Any, ...]) -> None:
    opcheck(overload(name), arguments)


@every_case
def test_fakes_know_shape_dtype_and_strides(name: str, arguments: tuple[Any, ...]) -> None:
    real = as_list(overload(name)(*arguments))
    with FakeTensorMode() as mode:
        pretended = tree_map_only(Tensor, mode.from_tensor, arguments)
        fake = as_list(overload(name)(*pretended))
    assert len(real) == len(fake)
    for one, other in zip(real, fake, strict=True):
        assert (one.shape, one.dtype, one.stride()) == (other.shape, other.dtype, other.stride())
        assert one.requires_grad == other.requires_grad


@every_case
def test_meta_tensors(name: str, arguments: tuple[Any, ...]) -> None:
    if name == "uniform_sampling_tensor":
        pytest.skip("it takes no tensor")
    real = as_list(overload(name)(*arguments))
    meta = as_list(overload(name)(*tree_map_only(Tensor, lambda x: x.to("meta"), arguments)))
    for one, other in zip(real, meta, strict=True):
        assert other.device.type == "meta"
        assert (one.shape, one.dtype) == (other.shape, other.dtype)


@every_case
def test_inference_mode(name: str, arguments: tuple[Any, ...]) -> None:
    expected = as_list(overload(name)(*arguments))
    with torch.inference_mode():
        found = as_list(overload(name)(*arguments))
    for one, other in zip(found, expected, strict=True):
        assert one.is_inference()
        assert not one.requires_grad
        assert torch.equal(one, other)


@every_case
def test_no_grad(name: str, arguments: tuple[Any, ...]) -> None:
    with torch.no_grad():
        assert not any(result.requires_grad for result in as_list(overload(name)(*arguments)))
