# SPDX-License-Identifier: Apache-2.0
"""sample, and what makes and changes sampling tensors, on torch tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import interpolate as torch_interpolate

from adaseg_fast import backends, ops
from support.compare import assert_close, assert_same
from support.grids import cover, grids, uniform
from support.tensors import LAYOUTS, every_backend, in_threads, with_layout

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
INTEGERS = (
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.bool, torch.uint16, torch.uint32, torch.uint64),
)
NORMALIZATIONS = ({}, {"mean": [1, 2, 3], "std": [3, 0.3, 7]}, {"mean": (5, 6, 7)})

sizes = st.tuples(st.integers(2, 40), st.integers(2, 40))


def image_of(dtype: Any, size: tuple[int, int] = (9, 11)) -> Tensor:
    high = 2 if dtype == torch.bool else 100
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, high, (3, 3, *size), generator=generator).to(dtype)


def random_phi(seed: int, shape: tuple[int, int], dtype: Any = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 2, *shape, generator=generator, dtype=torch.float64).to(dtype)


# --- sample ---------------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("dtype", [*FLOATS[:3], *INTEGERS])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_sample_is_that_of_numpy(backend: str, layout: str, dtype: Any) -> None:
    image = with_layout(image_of(dtype), layout)
    phi = with_layout(torch.from_numpy(grids("folded", (4, 5), (9, 11), items=3)), layout)
    with backends.use_backend(backend):
        for options in NORMALIZATIONS:
            found = ops.sample(image, phi, **options)
            assert_same(found.numpy(), backends.sample(image.numpy(), phi.numpy(), **options))


@every_backend
@pytest.mark.parametrize("options", NORMALIZATIONS, ids=["plain", "mean and std", "mean"])
def test_sample_bfloat16(backend: str, options: dict[str, Any]) -> None:
    image = image_of(torch.bfloat16) / 7
    phi = torch.from_numpy(grids("moved", (4, 5), (9, 11), items=3)).bfloat16()
    with backends.use_backend(backend):
        found = ops.sample(image, phi, **options)
        expected = ops.sample(image.float(), phi.float(), **options)
    assert found.dtype == (torch.float32 if options else torch.bfloat16)
    assert torch.equal(found.float(), expected)


@every_backend
def test_bfloat16_is_read_and_rounded_to_even(backend: str) -> None:
    bits = torch.arange(2**16, dtype=torch.int32).to(torch.uint16)
    every = bits.view(torch.bfloat16).view(1, 1, 256, 256)
    phi = ops.uniform_sampling_tensor((256, 256), dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    low = torch.randint(0, 2**16, (256, 256), generator=generator, dtype=torch.int32)
    low.view(-1)[::2] = 0x8000  # every other one a tie
    grad = (every.float().view(torch.int32) + low).view(torch.float32)
    image = every.clone().requires_grad_()
    with backends.use_backend(backend), np.errstate(invalid="ignore"):
        found = ops.sample(image, phi, std=[1.0])
        found.backward(grad)
    torch.testing.assert_close(found, every.float(), rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(image.grad, grad.bfloat16(), rtol=0, atol=0, equal_nan=True)


@every_backend
def test_sample_reads_a_decoded_image_in_place(backend: str) -> None:
    decoded = torch.randint(0, 256, (40, 50, 3), dtype=torch.uint8)
    view = decoded.permute(2, 0, 1)[None]
    phi = ops.uniform_sampling_tensor((40, 50))
    with backends.use_backend(backend):
        assert torch.equal(ops.sample(view, phi), view)


@every_backend
def test_sample_of_a_lazily_negated_image(backend: str) -> None:
    image = torch.complex(torch.zeros(1, 1, 2, 3), torch.arange(6.0).view(1, 1, 2, 3)).conj().imag
    assert image.is_neg()
    with backends.use_backend(backend):
        found = ops.sample(image, ops.uniform_sampling_tensor((2, 3)))
    assert torch.equal(found, -torch.arange(6.0).view(1, 1, 2, 3))


@every_backend
def test_sample_gradcheck(backend: str) -> None:
    phi = torch.from_numpy(grids("folded", (4, 5), (6, 7), items=3))
    image = torch.randn(3, 2, 6, 7, dtype=torch.float64, requires_grad=True)
    with backends.use_backend(backend):
        for options in ({}, {"mean": [1, 2], "std": [0.5, -3]}, {"mean": [1, 2]}):
            torch.autograd.gradcheck(lambda x, o=options: ops.sample(x, phi, **o), (image,))


@every_backend
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("options", NORMALIZATIONS, ids=["plain", "mean and std", "mean"])
def test_sample_gradient(backend: str, dtype: Any, options: dict[str, Any]) -> None:
    phi = torch.from_numpy(grids("folded", (8, 9), (5, 6), items=3)).requires_grad_()
    image = with_layout(image_of(dtype, (5, 6)), "channels_last").requires_grad_()
    with backends.use_backend(backend):
        ops.sample(image, phi, **options).sum().backward()  # an expanded gradient
    assert phi.grad is None
    assert image.grad.dtype == dtype
    rows, cols = np.rint(phi.detach().numpy().swapaxes(0, 1) * [[[[4]]], [[[5]]]]).astype(int)
    counts = np.zeros((3, 1, 5, 6))
    np.add.at(counts, (np.arange(3)[:, None, None], 0, rows, cols), 1.0)
    std = np.array(options.get("std", (1, 1, 1)), float)[:, None, None]
    assert_close(image.grad.double().numpy(), counts / std, dtype)


def test_sample_passes_no_gradient_to_phi() -> None:
    phi = ops.uniform_sampling_tensor((3, 3)).requires_grad_()
    assert not ops.sample(torch.rand(1, 1, 5, 5), phi).requires_grad
    assert not ops.sample(torch.zeros(1, 1, 5, 5, dtype=torch.uint8), phi).requires_grad


def test_sample_gradient_is_deterministic() -> None:
    phi = torch.from_numpy(grids("collapsed", (30, 30), (9, 9), items=2))
    results = []
    for threads in (1, 1, 2, 4):
        with in_threads(threads):
            image = torch.zeros(2, 3, 9, 9, requires_grad=True)
            weights = torch.randn(2, 3, 30, 30, generator=torch.Generator().manual_seed(0))
            (ops.sample(image, phi) * weights).sum().backward()
            results.append(image.grad)
    assert all(torch.equal(again, results[0]) for again in results[1:])


def test_sample_has_no_second_derivative() -> None:
    image = torch.rand(1, 1, 5, 5, requires_grad=True)
    loss = ops.sample(image, ops.uniform_sampling_tensor((3, 3))).square().sum()
    with pytest.raises(RuntimeError, match="sample cannot be differentiated twice"):
        torch.autograd.grad(loss, image, create_graph=True)


# --- uniform_sampling_tensor ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [(2, 2), (3, 8), (64, 41)])
def test_uniform(size: tuple[int, int], dtype: Any) -> None:
    phi = ops.uniform_sampling_tensor(size, batch_size=3, dtype=dtype)
    assert phi.shape == (3, 2, *size)
    assert phi.dtype == dtype
    expected = torch.from_numpy(uniform(*size)).to(dtype)
    assert torch.equal(phi, expected.expand(phi.shape))
    phi[0] = 7  # the items do not share memory
    assert torch.equal(phi[1], expected)


def test_uniform_defaults() -> None:
    phi = ops.uniform_sampling_tensor((4, 5))
    assert (phi.shape, phi.dtype, phi.device.type) == ((1, 2, 4, 5), torch.float32, "cpu")
    assert ops.uniform_sampling_tensor((4, 5), device="meta").device.type == "meta"
    assert ops.uniform_sampling_tensor((4, 5), batch_size=0).shape == (0, 2, 4, 5)


# --- resize_sampling_tensor -----------------------------------------------------------------------


@given(before=sizes, after=sizes, seed=st.integers(0, 999), dtype=st.sampled_from(FLOATS))
def test_resize_keeps_the_covering_constraints(
    before: tuple[int, int], after: tuple[int, int], seed: int, dtype: Any
) -> None:
    phi = ops.project_to_cover(random_phi(seed, before, dtype))
    resized = ops.resize_sampling_tensor(phi, after)
    assert resized.dtype == dtype
    assert resized.shape == (2, 2, *after)
    assert torch.equal(ops.project_to_cover(resized), resized)


@given(before=sizes, after=sizes, seed=st.integers(0, 999))
def test_resize_is_bilinear_with_aligned_corners(
    before: tuple[int, int], after: tuple[int, int], seed: int
) -> None:
    phi = random_phi(seed, before, torch.float64)
    expected = torch_interpolate(phi, after, mode="bilinear", align_corners=True)
    resized = ops.resize_sampling_tensor(phi, after)
    assert_close(resized.numpy(), expected.numpy())
    ends = [0, -1]
    assert torch.equal(resized[:, :, ends][..., ends], phi[:, :, ends][..., ends])


@given(before=sizes, after=sizes, seed=st.integers(0, 999), dtype=st.sampled_from(FLOATS))
def test_resize_keeps_what_is_equal(
    before: tuple[int, int], after: tuple[int, int], seed: int, dtype: Any
) -> None:
    rows = random_phi(seed, before, dtype)[..., :1].expand(2, 2, *before)
    resized = ops.resize_sampling_tensor(rows, after)
    assert torch.equal(resized, resized[..., :1].expand(resized.shape))
    constant = ops.resize_sampling_tensor(rows[:, :, :1].expand(2, 2, *before), after)
    assert torch.equal(constant, rows[:, :, :1, :1].expand(constant.shape))


@given(before=sizes, after=sizes)
def test_resize_of_the_uniform_tensor(before: tuple[int, int], after: tuple[int, int]) -> None:
    resized = ops.resize_sampling_tensor(ops.uniform_sampling_tensor(before), after)
    assert_close(resized.numpy(), ops.uniform_sampling_tensor(after).numpy())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_resize_layouts(layout: str) -> None:
    phi = random_phi(0, (5, 6))
    found = ops.resize_sampling_tensor(with_layout(phi, layout), (7, 4))
    expected = ops.resize_sampling_tensor(with_layout(phi, layout).contiguous(), (7, 4))
    assert torch.equal(found, expected)
    assert torch.equal(ops.resize_sampling_tensor(phi, (5, 6)), phi)


def test_resize_gradcheck() -> None:
    phi = random_phi(0, (3, 5), torch.float64).requires_grad_()
    for size in ((7, 4), (2, 5), (3, 5)):
        torch.autograd.gradcheck(lambda x, s=size: ops.resize_sampling_tensor(x, s), (phi,))
        torch.autograd.gradgradcheck(lambda x, s=size: ops.resize_sampling_tensor(x, s), (phi,))


# --- project_to_cover -----------------------------------------------------------------------------


@given(shape=sizes, seed=st.integers(0, 999), dtype=st.sampled_from(FLOATS))
def test_project(shape: tuple[int, int], seed: int, dtype: Any) -> None:
    phi = (random_phi(seed, shape) * 3 - 1).to(dtype)
    kept = phi.clone()
    projected = ops.project_to_cover(phi)
    assert projected.dtype == dtype
    expected = torch.from_numpy(cover(phi.double().numpy())).to(dtype)
    assert torch.equal(projected, expected)
    assert torch.equal(ops.project_to_cover(projected), projected)
    assert torch.equal(phi, kept)


def test_projection_is_the_nearest() -> None:
    """No other tensor that keeps (3) lies closer."""
    phi = random_phi(0, (4, 5), torch.float64) * 3 - 1
    projected = ops.project_to_cover(phi)
    least = (projected - phi).square().sum()
    for seed in range(20):
        other = ops.project_to_cover(projected + 0.1 * random_phi(seed, (4, 5), torch.float64))
        assert (other - phi).square().sum() >= least


def test_project_gradient() -> None:
    phi = (random_phi(1, (4, 5), torch.float64) * 3 - 1).requires_grad_()
    torch.autograd.gradcheck(ops.project_to_cover, (phi,))
    ops.project_to_cover(phi).sum().backward()
    moves = (phi > 0) & (phi < 1)
    moves[:, 0, [0, -1]] = False
    moves[:, 1, :, [0, -1]] = False
    assert torch.equal(phi.grad, moves.double())
