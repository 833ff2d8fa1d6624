# SPDX-License-Identifier: Apache-2.0
"""The CUDA kernels on host memory, with launches and workspaces, against the oracle."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from adaseg_fast import backends
from adaseg_fast.backends.cuda import CudaKernels
from adaseg_fast.backends.specs import DIAGONALS as RULES
from adaseg_fast.ops._addresses import address_of
from support.arrays import DIAGONALS, LAYOUTS, Array, special_scores, with_layout
from support.compare import assert_close, assert_same, assert_values, count_flips
from support.cuda_host import HostScratch
from support.grids import GRID_KINDS, Case, cases, grids, patchwork

pytestmark = pytest.mark.usefixtures("on_host")
# The kernels are the same for all examples of a test.
any_case = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

FLOATS = (np.float64, np.float32, np.float16)
# Image and grid: cells for several blocks; cells smaller than a pixel; cells so large that whole
# warps walk a row and blocks share the rows; a single row of pixels.
SIZES = [((70, 45), (12, 9)), ((9, 11), (14, 20)), ((170, 230), (2, 3)), ((1, 40), (3, 4))]


def expected(name: str, *args: Any, **options: Any) -> Any:
    """The oracle's result."""
    with backends.use_backend("reference"):
        return getattr(backends, name)(*args, **options)


def network(rng: np.random.Generator, items: int, classes: int, shape: Any) -> Array:
    """Scores like a network's: one class is far ahead nearly everywhere."""
    labels = np.stack([patchwork(rng, shape, classes) for _ in range(items)])
    ahead = 5 * (labels[:, None] == np.arange(classes)[:, None, None])
    return ahead + rng.normal(size=(items, classes, *shape))


# --- Ownership: bit for bit -----------------------------------------------------------------------


@pytest.mark.parametrize(("size", "shape"), SIZES)
@pytest.mark.parametrize("kind", GRID_KINDS)
def test_faces_are_those_of_reference(kind: str, size: Any, shape: Any) -> None:
    phi = grids(kind, shape, size, items=2)
    faces, weights = backends.rasterize(phi, size)
    owners, exact = expected("rasterize", phi, size)
    assert_same(faces, owners)
    assert_close(weights, exact)
    assert_same(backends.triangles(phi, size), expected("triangles", phi, size))


@pytest.mark.parametrize("diagonal", DIAGONALS)
@pytest.mark.parametrize("kind", ["folded", "slivers", "moved"])
def test_uncovered_pixels_have_no_owner(kind: str, diagonal: str) -> None:
    phi = 0.2 + 0.6 * grids(kind, (5, 6), (40, 33), items=2)
    found = backends.rasterize(phi, (40, 33), diagonal=diagonal)
    owners, weights = expected("rasterize", phi, (40, 33), diagonal=diagonal)
    assert (owners < 0).any()
    assert_same(found[0], owners)
    assert_close(found[1], weights)


def test_a_grid_that_winds_over_itself_without_a_fold() -> None:
    """No triangle is inverted, yet some pixels are covered twice: the border is open."""
    radius, angle = np.meshgrid(np.linspace(0.1, 0.45, 4), np.linspace(0, 9, 30), indexing="ij")
    phi = np.stack([0.5 - radius * np.sin(angle), 0.5 - radius * np.cos(angle)])[None]
    faces, weights = backends.rasterize(phi, (60, 70))
    owners, exact = expected("rasterize", phi, (60, 70))
    assert_same(faces, owners)
    assert_close(weights, exact)
    assert owners.max() < 2 * 3 * 29
    scores = np.random.default_rng(0).normal(size=(1, 5, 4, 30))
    labels = backends.interpolate_argmax(scores, phi, (60, 70))
    count_flips(labels, scores, phi, (60, 70))


@any_case
@given(case=cases())
def test_any_grid(case: Case) -> None:
    faces, weights = backends.rasterize(case.phi, case.size)
    owners, exact = expected("rasterize", case.phi, case.size)
    assert_same(faces, owners)
    assert_close(weights, exact)
    shape = (len(case.phi), 5, *case.phi.shape[2:])
    scores = case.rng.normal(size=shape).astype(case.rng.choice(FLOATS))
    values = backends.interpolate(scores, case.phi, case.size)
    exact = expected("interpolate", scores.astype(np.float64), case.phi, case.size)
    assert_close(values, exact)
    count_flips(
        backends.interpolate_argmax(scores, case.phi, case.size), scores, case.phi, case.size
    )


def test_nothing_finite_is_needed_to_stay_in_bounds(host_module: ModuleType) -> None:
    phi = grids("moved", (5, 6), (40, 33))
    phi[0, :, 2, 3] = np.nan
    phi[0, :, 3, 2] = -np.inf
    phi[0, 0, 1, 1] = np.inf
    replaced = np.clip(np.nan_to_num(phi, posinf=1.0, neginf=0.0), 0, 1)
    assert_same(backends.rasterize(phi, (40, 33))[0], backends.rasterize(replaced, (40, 33))[0])
    image = np.arange(40 * 33).reshape(1, 1, 40, 33)
    assert_same(backends.sample(image, phi), backends.sample(image, replaced))


# --- Values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("size", "shape"), SIZES)
@pytest.mark.parametrize("kind", ["moved", "folded", "collapsed"])
def test_interpolate(kind: str, size: Any, shape: Any, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    phi = grids(kind, shape, size, items=2)
    scores = rng.normal(size=(2, 3, *shape)).astype(dtype)
    exact = expected("interpolate", scores.astype(np.float64), phi, size)
    assert_close(backends.interpolate(scores, phi, size), exact)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str) -> None:
    rng = np.random.default_rng(0)
    size = (19, 14)
    phi = with_layout(grids("folded", (4, 5), size, items=3, dtype=np.float32), layout)
    scores = with_layout(rng.normal(size=(3, 4, 4, 5)).astype(np.float32), layout)
    exact = expected("interpolate", scores.astype(np.float64), phi, size)
    assert_close(backends.interpolate(scores, phi, size), exact, np.float32)
    count_flips(backends.interpolate_argmax(scores, phi, size), scores, phi, size)
    image = with_layout(rng.integers(0, 256, (3, 3, *size)).astype(np.uint8), layout)
    assert_same(backends.sample(image, phi), expected("sample", image, phi))
    labels = with_layout(rng.integers(0, 3, (3, *size)), layout)
    for name, more in (("boundary_mask", ()), ("nearest_boundary", ((4, 3),))):
        found = getattr(backends, name)(labels, *more)
        assert_same(found, expected(name, labels, *more))


def test_uncovered_pixels_are_zero_whatever_the_scores() -> None:
    phi = 0.2 + 0.6 * grids("moved", (3, 3), (12, 13))
    scores = np.full((1, 2, 3, 3), np.inf)
    values = backends.interpolate(scores, phi, (12, 13))
    assert (values[:, :, 0] == 0).all()


def on_torch(host: ModuleType, name: str, *tensors: Any) -> None:
    """Call a kernel on torch tensors, which have bfloat16; other arguments stay as they are."""
    kernel = getattr(CudaKernels(host, HostScratch()), name)
    kernel(*(address_of(x) if isinstance(x, torch.Tensor) else x for x in tensors))


def test_bfloat16(host_module: ModuleType) -> None:
    size = (31, 29)
    phi = torch.from_numpy(grids("moved", (5, 6), size)).bfloat16()
    scores = torch.from_numpy(network(np.random.default_rng(0), 1, 4, (5, 6))).bfloat16()
    values = torch.empty(1, 4, *size, dtype=torch.bfloat16)
    on_torch(host_module, "interpolate", scores, phi, values, 0, 0)
    wide = scores.double().numpy(), phi.double().numpy()
    assert_close(values.float().numpy(), expected("interpolate", *wide, size), "bfloat16")
    labels = torch.empty(1, *size, dtype=torch.uint8)
    on_torch(host_module, "interpolate_argmax", scores, phi, labels, 0, 0)
    count_flips(labels.numpy(), *wide, size)
    grad, to_scores, to_phi = torch.randn_like(values), scores.clone(), phi.clone()
    on_torch(host_module, "interpolate_backward", grad, scores, phi, to_scores, to_phi, 0, 0)
    exact = backward("reference", grad.double().numpy(), *wide)
    assert_close(to_scores.float().numpy(), exact[0], "bfloat16")
    assert_close(to_phi.float().numpy(), exact[1], "bfloat16")


# --- Labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [1, 2, 40, 300])
@pytest.mark.parametrize("kind", ["moved", "folded", "duplicated"])
def test_argmax(kind: str, classes: int) -> None:
    rng = np.random.default_rng(2)
    for size, shape in SIZES if classes < 300 else SIZES[1:2]:
        phi = grids(kind, shape, size, items=2, dtype=np.float32)
        for scores in (network(rng, 2, classes, shape), rng.normal(size=(2, classes, *shape))):
            scores = scores.astype(np.float32)
            count_flips(backends.interpolate_argmax(scores, phi, size), scores, phi, size)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("classes", [3, 300])
@pytest.mark.parametrize("kind", ["moved", "folded"])
def test_argmax_where_nothing_covers(kind: str, classes: int, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    phi = 0.2 + 0.6 * grids(kind, (5, 6), (40, 33), items=2)
    scores = rng.normal(size=(2, classes, 5, 6)).astype(dtype)
    assert (
        count_flips(backends.interpolate_argmax(scores, phi, (40, 33)), scores, phi, (40, 33)) < 20
    )


@any_case
@given(case=cases())
def test_any_scores_on_any_grid(case: Case) -> None:
    """Infinite, NaN and huge ones, and a single channel, which is a logit."""
    for channels in (1, 4):
        shape = (len(case.phi), channels, *case.phi.shape[2:])
        scores = special_scores(case.rng, shape, case.rng.choice(FLOATS))
        exact = expected("interpolate", scores.astype(np.float64), case.phi, case.size)
        assert_values(backends.interpolate(scores, case.phi, case.size), exact, scores)
        labels = backends.interpolate_argmax(scores, case.phi, case.size)
        count_flips(labels, scores, case.phi, case.size)


@any_case
@given(case=cases())
def test_no_value_leaves_the_range_of_its_corners(case: Case) -> None:
    shape = (len(case.phi), 2, *case.phi.shape[2:])
    scores = case.rng.normal(size=shape).astype(case.rng.choice(FLOATS))
    scores[:, 1] = case.rng.integers(0, 2, shape[2:])
    values = backends.interpolate(scores, case.phi, case.size)
    corners, (faces, _) = (
        backends.triangles(case.phi, case.size),
        backends.rasterize(case.phi, case.size),
    )
    for n in range(len(scores)):
        at_corners = scores[n].reshape(2, -1)[:, corners[n][faces[n]]]
        assert (values[n] >= at_corners.min(-1)).all()
        assert (values[n] <= at_corners.max(-1)).all()


def test_infinite_scores_move_no_vertex() -> None:
    rng = np.random.default_rng(0)
    phi = grids("moved", (5, 6), (40, 33))
    scores, grad = rng.normal(size=(1, 3, 5, 6)), rng.normal(size=(1, 3, 40, 33))
    scores[:, 1] = 0
    level = backward("cuda_host", grad, scores, phi)
    scores[:, 1] = -np.inf
    for found, wanted in zip(backward("cuda_host", grad, scores, phi), level, strict=True):
        assert_same(found, wanted)


def test_a_tie_is_the_lowest_class() -> None:
    phi = grids("moved", (4, 5), (30, 30))
    scores = np.ones((1, 70, 4, 5), np.float32)
    scores[:, :40] = 0
    assert (backends.interpolate_argmax(scores, phi, (30, 30)) == 40).all()


# --- Gradients ------------------------------------------------------------------------------------


def backward(backend: str, grad: Array, scores: Array, phi: Array, rule: int = 0) -> Any:
    found = np.empty(scores.shape, scores.dtype), np.empty(phi.shape, phi.dtype)
    with backends.use_backend(backend):
        backends.kernels().interpolate_backward(grad, scores, phi, *found, rule, 1)
    return found


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("diagonal", DIAGONALS)
@pytest.mark.parametrize("kind", ["moved", "folded", "duplicated", "collapsed"])
def test_interpolate_backward(kind: str, diagonal: str, channels: int) -> None:
    rng = np.random.default_rng(4)
    for size, shape in SIZES[:2]:
        phi = grids(kind, shape, size, items=2)
        scores = rng.normal(size=(2, channels, *shape))
        grad = rng.normal(size=(2, channels, *size))
        found = backward("cuda_host", grad, scores, phi, RULES[diagonal])
        exact = backward("reference", grad, scores, phi, RULES[diagonal])
        for one, other in zip(found, exact, strict=True):
            assert_close(one, other, slack=100)


def test_backward_of_large_triangles_is_shared_out() -> None:
    rng = np.random.default_rng(5)
    size, shape = (120, 90), (2, 2)
    phi = grids("moved", shape, size)
    scores, grad = rng.normal(size=(1, 2, *shape)), rng.normal(size=(1, 2, *size))
    found = backward("cuda_host", grad, scores, phi)
    for one, other in zip(found, backward("reference", grad, scores, phi), strict=True):
        assert_close(one, other, slack=100)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_backward_layouts(layout: str) -> None:
    rng = np.random.default_rng(6)
    size = (19, 14)
    phi = with_layout(grids("moved", (4, 5), size, items=3, dtype=np.float32), layout)
    scores = with_layout(rng.normal(size=(3, 2, 4, 5)).astype(np.float32), layout)
    grad = with_layout(rng.normal(size=(3, 2, *size)).astype(np.float32), layout)
    found = backward("cuda_host", grad, scores, phi)
    for one, other in zip(found, backward("reference", grad, scores, phi), strict=True):
        assert_close(one, other, slack=10)


@pytest.mark.parametrize("std", [[], [2.0, 4.0, 0.5]])
@pytest.mark.parametrize("dtype", FLOATS)
def test_sample_backward(dtype: Any, std: list[float]) -> None:
    rng = np.random.default_rng(7)
    phi = grids("folded", (9, 8), (6, 7), items=2)  # many points per pixel
    grad = rng.normal(size=(2, 3, 9, 8)).astype(dtype)
    found, exact = np.empty((2, 2, 3, 6, 7), dtype)
    backends.kernels().sample_backward(grad, phi, found, std, 1)
    with backends.use_backend("reference"):
        backends.kernels().sample_backward(grad, phi, exact, std, 1)
    assert_close(found, exact, slack=10)


# --- Sampling and boundaries ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "f2", "f4", "f8", "?"])
def test_sample(dtype: str) -> None:
    rng = np.random.default_rng(8)
    image = rng.integers(0, 100, (2, 3, 21, 17)).astype(dtype)
    phi = grids("folded", (6, 5), (21, 17), items=2, dtype=np.float32)
    assert_same(backends.sample(image, phi), expected("sample", image, phi))
    numbers = {"mean": [1.5, 2.0, 3.0], "std": [0.5, 2.0, 3.0]}
    assert_same(backends.sample(image, phi, **numbers), expected("sample", image, phi, **numbers))


def test_more_channels_than_a_launch_takes() -> None:
    image = np.random.default_rng(9).normal(size=(1, 130, 5, 6))
    phi = grids("moved", (4, 4), (5, 6))
    numbers = {"mean": np.arange(130.0), "std": np.arange(130.0) + 1}
    assert_same(backends.sample(image, phi, **numbers), expected("sample", image, phi, **numbers))


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u4", "i8"])
@pytest.mark.parametrize("classes", [None, [], [1], [0, 3, -5, 1000]])
@pytest.mark.parametrize("size", [(1, 1), (5, 1), (33, 64), (70, 95)])
def test_boundaries(size: Any, classes: Any, dtype: str) -> None:
    rng = np.random.default_rng(10)
    labels = np.stack([patchwork(rng, size, 5), rng.integers(0, 5, size), np.full(size, 2)])
    labels = labels.astype(dtype)
    if dtype == "i8":
        labels[labels == 4] = 1000
        labels[labels == 2] = -5
    for options in ({"classes": classes}, {"classes": classes, "ignore_index": 1}):
        found = backends.boundary_mask(labels, **options)
        assert_same(found, expected("boundary_mask", labels, **options))
        found = backends.nearest_boundary(labels, (5, 4), **options)
        assert_same(found, expected("nearest_boundary", labels, (5, 4), **options))


def test_a_far_boundary_is_found() -> None:
    labels = np.zeros((1, 150, 260), np.uint8)
    labels[0, 149, 259] = 1
    found = backends.nearest_boundary(labels, (3, 3))
    assert_same(found, expected("nearest_boundary", labels, (3, 3)))
    assert (found[0, 0] == np.float32(148 / 149)).any()


def test_classes_beyond_a_byte_are_limited() -> None:
    labels = np.zeros((1, 4, 4), np.int32)
    with pytest.raises(ValueError, match=r"at most 128 labels outside of 0\.\.255"):
        backends.boundary_mask(labels, classes=range(256, 256 + 129))


# --- What the bindings refuse ---------------------------------------------------------------------


def test_a_small_workspace_is_refused(host_module: ModuleType) -> None:
    class Stingy(HostScratch):
        def space(self, count: int) -> Any:
            return super().space(count - 1)

    phi, faces, weights = (torch.zeros(shape) for shape in ((1, 2, 3, 3), (1, 5, 5), (1, 3, 5, 5)))
    args = address_of(phi), address_of(faces.int()), address_of(weights), 0, 0
    with pytest.raises(ValueError, match="the workspace is too small"):
        CudaKernels(host_module, Stingy()).rasterize(*args)


def test_integer_coordinates_are_refused(host_module: ModuleType) -> None:
    phi, out = torch.zeros(1, 2, 3, 3, dtype=torch.int8), torch.zeros(1, 8, 3, dtype=torch.int64)
    with pytest.raises(ValueError, match="floating-point"):
        on_torch(host_module, "triangles", phi, out, 5, 5, 0, 0)
