# SPDX-License-Identifier: Apache-2.0
"""triangles, rasterize, interpolate and interpolate_argmax on torch tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from adaseg_fast import backends, ops
from support.arrays import DIAGONALS, FAST_BACKENDS
from support.compare import assert_close, assert_same, count_flips
from support.grids import grids
from support.tensors import LAYOUTS, every_backend, in_threads, with_layout

FLOATS = (torch.float64, torch.float32, torch.float16)
SIZE = (19, 14)


def grid(
    kind: str = "moved", *, shape: tuple[int, int] = (4, 5), dtype: Any = torch.float64
) -> Tensor:
    return torch.from_numpy(grids(kind, shape, SIZE, items=3)).to(dtype)


def random_scores(
    classes: int = 3, *, shape: tuple[int, int] = (4, 5), dtype: Any = torch.float64
) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, classes, *shape, generator=generator, dtype=torch.float64).to(dtype)


# --- As for NumPy ---------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("diagonal", DIAGONALS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_same_as_numpy(backend: str, dtype: Any, diagonal: str) -> None:
    phi, scores = grid(dtype=dtype), random_scores(dtype=dtype)
    options = {"diagonal": diagonal}
    with backends.use_backend(backend):
        for name, arguments in (
            ("triangles", (phi,)),
            ("interpolate", (scores, phi)),
            ("interpolate_argmax", (scores, phi)),
        ):
            found = getattr(ops, name)(*arguments, SIZE, **options)
            arrays = (tensor.numpy() for tensor in arguments)
            assert_same(found.numpy(), getattr(backends, name)(*arrays, SIZE, **options))
        found_pair = ops.rasterize(phi, SIZE, **options)
        pair = backends.rasterize(phi.numpy(), SIZE, **options)
        for found, expected in zip(found_pair, pair, strict=True):
            assert_same(found.numpy(), expected)


@every_backend
@pytest.mark.parametrize("dtype", [*FLOATS, torch.bfloat16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(backend: str, layout: str, dtype: Any) -> None:
    phi = with_layout(grid(dtype=dtype), layout)
    scores = with_layout(random_scores(dtype=dtype), layout)
    wide_phi, wide = phi.float().numpy(), scores.double().numpy()
    if dtype == torch.float64:
        wide_phi = phi.numpy()
    with backends.use_backend("reference"):
        faces, weights = backends.rasterize(wide_phi, SIZE)
        values = backends.interpolate(wide, wide_phi, SIZE)
    with backends.use_backend(backend):
        found_faces, found_weights = ops.rasterize(phi, SIZE)
        found = ops.interpolate(scores, phi, SIZE)
        labels = ops.interpolate_argmax(scores, phi, SIZE)
    assert found.dtype == dtype
    assert_same(found_faces.numpy(), faces)
    assert_close(found_weights.numpy(), weights)
    assert_close(found.double().numpy(), values, dtype)
    assert count_flips(labels.numpy(), wide, wide_phi, SIZE) <= 2


@every_backend
@pytest.mark.parametrize(("classes", "dtype"), [(256, torch.uint8), (257, torch.int32)])
def test_type_of_labels_and_uncovered_pixels(backend: str, classes: int, dtype: Any) -> None:
    phi = 0.2 + 0.6 * ops.uniform_sampling_tensor((2, 2))
    scores = torch.zeros(1, classes, 2, 2)
    scores[:, -1] = 1
    with backends.use_backend(backend):
        labels = ops.interpolate_argmax(scores, phi, (5, 5))
        values = ops.interpolate(scores, phi, (5, 5))
        faces, weights = ops.rasterize(phi, (5, 5))
    outside = torch.ones(5, 5, dtype=torch.bool)
    outside[1:4, 1:4] = False
    assert labels.dtype == dtype
    assert (labels[0, outside] == (255 if dtype == torch.uint8 else -1)).all()
    assert (labels[0, ~outside] == classes - 1).all()
    assert not values[..., outside].any()
    assert (faces[0, outside] == -1).all()
    assert not weights[..., outside].any()


@every_backend
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_faces_and_weights_serve_for_interpolation(backend: str, dtype: Any) -> None:
    phi, scores = grid("folded", dtype=dtype), random_scores(dtype=torch.float32)
    with backends.use_backend(backend):
        faces, weights = ops.rasterize(phi, SIZE)
        corners = ops.triangles(phi, SIZE)
        values = ops.interpolate(scores, phi, SIZE)
    for n in range(3):
        at_corners = scores[n].flatten(1)[:, corners[n][faces[n].long()]]  # (C, H, W, 3)
        expected = torch.einsum("chwk,khw->chw", at_corners, weights[n])
        assert_close(values[n].numpy(), expected.numpy())


# --- Gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", FAST_BACKENDS)
def test_gradcheck(backend: str) -> None:
    scores = random_scores(2)[:2].requires_grad_()
    free = torch.from_numpy(grids("moved", (4, 5), SIZE, items=2, seed=3)).requires_grad_()

    def values(scores: Tensor, free: Tensor) -> Tensor:
        return ops.interpolate(scores, ops.project_to_cover(free), (9, 11))

    with backends.use_backend(backend):
        # The lattice is 2^-27 of the image: a step has to be large beside that.
        torch.autograd.gradcheck(values, (scores, free), eps=1e-5, atol=2e-3, rtol=1e-3)


@every_backend
@pytest.mark.parametrize("dtype", [*FLOATS, torch.bfloat16])
def test_gradients_are_those_of_numpy(backend: str, dtype: Any) -> None:
    phi, scores = grid(dtype=dtype).requires_grad_(), random_scores(dtype=dtype).requires_grad_()
    seed = torch.Generator().manual_seed(1)
    grad = torch.randn(3, 3, *SIZE, generator=seed, dtype=torch.float64).to(dtype)
    with backends.use_backend(backend):
        ops.interpolate(scores, phi, SIZE).backward(grad)
    # In double precision, on the numbers that the tensors hold.
    wide_scores, wide_phi = scores.detach().double().numpy(), phi.detach().double().numpy()
    expected = [np.empty_like(wide_scores), np.empty_like(wide_phi)]
    with backends.use_backend("reference"):
        backends.kernels().interpolate_backward(
            grad.double().numpy(), wide_scores, wide_phi, *expected, 0, 1
        )
    for tensor, wanted in zip((scores, phi), expected, strict=True):
        assert tensor.grad.dtype == dtype
        assert_close(tensor.grad.double().numpy(), wanted, dtype)


def gradients(
    loss: Callable[[Tensor], Tensor], *tensors: Tensor, diagonal: str = "delaunay"
) -> list[Tensor]:
    leaves = [tensor.detach().requires_grad_() for tensor in tensors]
    loss(ops.interpolate(*leaves, SIZE, diagonal=diagonal)).backward()
    return [leaf.grad for leaf in leaves]


@every_backend
@pytest.mark.parametrize(
    "loss",
    [
        lambda values: values.sum(),
        lambda values: values[:, :, ::2, 1::3].sum(),
        lambda values: (values.permute(3, 2, 0, 1) * torch.arange(3.0)).sum(),
        lambda values: -values.mean(),
    ],
    ids=["expanded", "strided", "permuted", "mean"],
)
def test_gradients_of_any_layout(backend: str, loss: Callable[[Tensor], Tensor]) -> None:
    phi, scores = grid(dtype=torch.float32), random_scores(dtype=torch.float32)
    leaf = torch.zeros(3, 3, *SIZE, requires_grad=True)
    loss(leaf).backward()
    plain = leaf.grad.contiguous()
    with backends.use_backend(backend):
        expected = gradients(lambda values: (values * plain).sum(), scores, phi)
        found = gradients(loss, scores, phi)
        layouts = [with_layout(tensor, "channels_last") for tensor in (scores, phi)]
        strided = gradients(loss, *layouts)
    for one, other, third in zip(found, expected, strided, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(third, other)


@every_backend
def test_only_what_needs_a_gradient_gets_one(backend: str) -> None:
    with backends.use_backend(backend):
        both = gradients(Tensor.sum, random_scores(), grid())
        for k in range(2):
            leaves = [random_scores(), grid()]
            leaves[k].requires_grad_()
            ops.interpolate(*leaves, SIZE).sum().backward()
            assert torch.equal(leaves[k].grad, both[k])
            assert leaves[1 - k].grad is None


@pytest.mark.parametrize("kind", ["moved", "folded", "duplicated"])
def test_backward_is_deterministic(kind: str) -> None:
    phi = torch.from_numpy(grids(kind, (7, 6), (70, 60), items=2)).float()
    scores = torch.randn(2, 4, 7, 6, generator=torch.Generator().manual_seed(0))
    results = []
    for threads in (1, 1, 2, 4, 2):
        with in_threads(threads):
            leaves = [scores.clone().requires_grad_(), phi.clone().requires_grad_()]
            ops.interpolate(*leaves, (70, 60)).square().sum().backward()
            results.append([leaf.grad for leaf in leaves])
    for again in results[1:]:
        assert all(torch.equal(*pair) for pair in zip(again, results[0], strict=True))


def test_forward_does_not_depend_on_threads() -> None:
    phi, scores = grid("folded"), random_scores(9)
    results = []
    for threads in (1, 2, 4):
        with in_threads(threads):
            size = (90, 70)
            results.append(
                [
                    *ops.rasterize(phi, size),
                    ops.interpolate(scores, phi, size),
                    ops.interpolate_argmax(scores, phi, size),
                ]
            )
    for again in results[1:]:
        assert all(torch.equal(*pair) for pair in zip(again, results[0], strict=True))


def test_there_is_no_second_derivative() -> None:
    scores, phi = random_scores().requires_grad_(), grid().requires_grad_()
    loss = ops.interpolate(scores, phi, SIZE).square().sum()
    with pytest.raises(RuntimeError, match="interpolate cannot be differentiated twice"):
        torch.autograd.grad(loss, (scores, phi), create_graph=True)


@pytest.mark.parametrize(
    "call",
    [
        lambda scores, phi: ops.interpolate_argmax(scores, phi, SIZE),
        lambda scores, phi: ops.triangles(phi, SIZE),
        lambda scores, phi: ops.rasterize(phi, SIZE)[0],
        lambda scores, phi: ops.rasterize(phi, SIZE)[1],
    ],
    ids=["interpolate_argmax", "triangles", "faces", "weights"],
)
def test_results_without_a_gradient(call: Callable[..., Tensor]) -> None:
    result = call(random_scores().requires_grad_(), grid().requires_grad_())
    assert not result.requires_grad


# --- One channel ----------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str
)
def test_one_channel_is_a_logit(backend: str, dtype: torch.dtype) -> None:
    phi = ops.uniform_sampling_tensor((2, 3), batch_size=2)
    scores = torch.tensor([[[[-1.0, 0.0, 1.0]] * 2], [[[-torch.inf, torch.nan, 2.0]] * 2]])
    with backends.use_backend(backend):
        labels = ops.interpolate_argmax(scores.to(dtype), phi, (2, 9))
    assert labels.dtype == torch.uint8
    assert labels[0].tolist() == [[0] * 5 + [1] * 4] * 2
    assert labels[1].tolist() == [[0] * 8 + [1]] * 2


def test_one_channel_compiled_and_exported() -> None:
    phi = ops.uniform_sampling_tensor((4, 5), batch_size=2)
    scores = torch.randn(2, 1, 4, 5, generator=torch.Generator().manual_seed(0))

    class Label(torch.nn.Module):
        def forward(self, scores: Tensor, phi: Tensor) -> Tensor:
            return ops.interpolate_argmax(scores, phi, (20, 30))

    labels = Label()(scores, phi)
    assert labels.shape == (2, 20, 30)
    assert torch.equal(labels, (ops.interpolate(scores, phi, (20, 30))[:, 0] > 0).byte())
    compiled = torch.compile(Label(), fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(scores, phi), labels)
    assert torch.equal(torch.export.export(Label(), (scores, phi)).module()(scores, phi), labels)
    meta = Label()(scores.to("meta"), phi.to("meta"))
    assert (meta.shape, meta.dtype) == (labels.shape, torch.uint8)


# --- Scores of any kind ---------------------------------------------------------------------------


@every_backend
def test_a_class_that_is_ruled_out_trains(backend: str) -> None:
    """-inf in a channel leaves no NaN in the gradients of a loss that does not depend on it."""
    phi = ops.uniform_sampling_tensor((4, 5)).requires_grad_()
    scores = torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    scores[:, 1] = -torch.inf
    scores.requires_grad_()
    with backends.use_backend(backend):
        values = ops.interpolate(scores, phi, (12, 13))
        target = torch.zeros(1, 12, 13, dtype=torch.int64)
        loss = torch.nn.functional.cross_entropy(values, target)
        loss.backward()
    assert torch.isfinite(loss)
    assert scores.grad is not None
    assert phi.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert torch.isfinite(phi.grad).all()
    assert phi.grad.abs().max() > 0
