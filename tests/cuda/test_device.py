# SPDX-License-Identifier: Apache-2.0
"""The CUDA kernels on a device: equal to the CPU, on any stream, in graphs. Skipped without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import adaseg_fast
from adaseg_fast import ops
from support.arrays import DIAGONALS
from support.compare import assert_close
from support.grids import GRID_KINDS, grids, patchwork
from support.tensors import LAYOUTS, with_layout

HAS_DEVICE = torch.cuda.is_available() and bool(adaseg_fast.build_info()["cuda"])
pytestmark = pytest.mark.skipif(not HAS_DEVICE, reason="no CUDA device, or no CUDA kernels built")
two_devices = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="no second CUDA device")

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
SIZE, GRID = (190, 270), (24, 33)


@pytest.fixture(autouse=True)
def looking_for_errors() -> Iterator[None]:
    adaseg_fast.set_debug(True)
    yield
    adaseg_fast.set_debug(False)


def grid(kind: str, size: Any = SIZE, shape: Any = GRID, *, items: int = 2) -> Tensor:
    return torch.from_numpy(grids(kind, shape, size, items=items)).float()


def network(classes: int, shape: Any = GRID, *, items: int = 2, seed: int = 0) -> Tensor:
    """Scores like a network's: one class is far ahead nearly everywhere."""
    rng = np.random.default_rng(seed)
    labels = np.stack([patchwork(rng, shape, classes) for _ in range(items)])
    ahead = 5 * (labels[:, None] == np.arange(classes)[:, None, None])
    return torch.from_numpy(ahead + rng.normal(size=(items, classes, *shape))).float()


def label_maps(size: Any = SIZE, items: int = 2) -> Tensor:
    rng = np.random.default_rng(1)
    return torch.from_numpy(np.stack([patchwork(rng, size) for _ in range(items)]))


def same_on_both(call: Callable[..., Tensor], *tensors: Tensor, **options: Any) -> None:
    """Bit for bit."""
    found = call(*(tensor.cuda() for tensor in tensors), **options)
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), call(*tensors, **options), rtol=0, atol=0)


def check_labels(labels: Tensor, scores: Tensor, phi: Tensor, size: Any = SIZE) -> None:
    """The CPU's labels, but for a few near ties."""
    expected = ops.interpolate_argmax(scores, phi, size)
    assert labels.dtype == expected.dtype
    differ = labels.cpu() != expected
    assert differ.sum() <= 1e-3 * differ.numel()
    if differ.any():
        values = ops.interpolate(scores.double(), phi, size)
        best = values.topk(2, 1).values
        assert ((best[:, 0] - best[:, 1])[differ] < 1e-5 * scores.abs().max()).all()


# --- CPU and CUDA are equal -----------------------------------------------------------------------


@pytest.mark.parametrize("diagonal", DIAGONALS)
@pytest.mark.parametrize("kind", GRID_KINDS)
def test_faces_bit_for_bit(kind: str, diagonal: str) -> None:
    phi = grid(kind)
    for points in (phi, 0.2 + 0.6 * phi):
        same_on_both(ops.triangles, points, size=SIZE, diagonal=diagonal)
        faces, weights = ops.rasterize(points, SIZE, diagonal=diagonal)
        found = ops.rasterize(points.cuda(), SIZE, diagonal=diagonal)
        assert torch.equal(found[0].cpu(), faces)
        assert_close(found[1].cpu(), weights)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kind", GRID_KINDS)
def test_interpolate(kind: str, dtype: torch.dtype) -> None:
    phi, scores = grid(kind), network(5).to(dtype)
    values = ops.interpolate(scores.cuda(), phi.cuda(), SIZE)
    assert values.dtype == dtype
    assert_close(values.double().cpu(), ops.interpolate(scores.double(), phi, SIZE), dtype)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str) -> None:
    phi, scores = with_layout(grid("moved"), layout), with_layout(network(5), layout)
    on_device = with_layout(grid("moved").cuda(), layout), with_layout(network(5).cuda(), layout)
    values = ops.interpolate(on_device[1], on_device[0], SIZE)
    assert_close(values.cpu(), ops.interpolate(scores, phi, SIZE), slack=4)
    labels = ops.interpolate_argmax(on_device[1], on_device[0], SIZE)
    check_labels(labels, scores, phi)
    image = with_layout(torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8), layout)
    same_on_both(ops.sample, image, phi)


@pytest.mark.parametrize("classes", [1, 2, 19, 150, 300])
@pytest.mark.parametrize("kind", GRID_KINDS)
def test_argmax(kind: str, classes: int) -> None:
    for points in (grid(kind), 0.2 + 0.6 * grid(kind)):
        for scores in (network(classes), torch.randn(2, classes, *GRID)):
            labels = ops.interpolate_argmax(scores.cuda(), points.cuda(), SIZE)
            check_labels(labels, scores, points)


@pytest.mark.parametrize(("size", "shape"), [((1024, 2048), (128, 128)), ((900, 700), (3, 3))])
def test_argmax_at_full_size(size: Any, shape: Any) -> None:
    phi, scores = grid("moved", size, shape, items=1), network(19, shape, items=1)
    check_labels(ops.interpolate_argmax(scores.cuda(), phi.cuda(), size), scores, phi, size)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float16])
def test_sample(dtype: torch.dtype) -> None:
    image = torch.randint(0, 256, (2, 3, *SIZE)).to(dtype)
    phi = grid("folded")
    same_on_both(ops.sample, image, phi)
    same_on_both(ops.sample, image, phi, mean=[1.0, 2.0, 3.0], std=[2.0, 3.0, 4.0])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
@pytest.mark.parametrize("classes", [None, [1], [0, 3, 1000]])
def test_boundaries(classes: Any, dtype: torch.dtype) -> None:
    labels = label_maps().to(dtype)
    labels[1] = 2  # no boundary at all
    same_on_both(ops.boundary_mask, labels, classes=classes)
    same_on_both(ops.nearest_boundary, labels, size=(8, 8), classes=classes)


def test_solve_sampling() -> None:
    targets = ops.nearest_boundary(label_maps(), (8, 8)).double()
    on_device = targets.cuda()
    assert_close(ops.solve_sampling(on_device).cpu(), ops.solve_sampling(targets))
    energy = ops.sampling_energy(ops.solve_sampling(on_device), on_device)
    assert_close(energy.cpu(), ops.sampling_energy(ops.solve_sampling(targets), targets))


# --- Gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["moved", "folded", "collapsed"])
def test_gradients(kind: str) -> None:
    found = []
    for device in ("cpu", "cuda"):
        phi = grid(kind).double().to(device).requires_grad_()
        scores = network(5).double().to(device).requires_grad_()
        weights = torch.linspace(-1, 1, 2 * 5 * SIZE[0] * SIZE[1], dtype=torch.float64)
        values = ops.interpolate(scores, phi, SIZE)
        values.backward(weights.view_as(values).to(device))
        found.append((scores.grad, phi.grad))
    for one, other in zip(*found, strict=True):
        assert_close(other.cpu(), one, slack=1000)


def test_gradcheck() -> None:
    phi, scores = grid("moved", (9, 11), (3, 4), items=1), torch.randn(1, 2, 3, 4)
    arguments = scores.double().cuda().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda s: ops.interpolate(s, phi.double().cuda(), (9, 11)), (arguments,)
    )
    image = torch.randn(1, 2, 9, 11, dtype=torch.float64, device="cuda", requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: ops.sample(x, phi.double().cuda()), (image,))
    targets = phi.double().cuda().requires_grad_()
    assert torch.autograd.gradcheck(ops.solve_sampling, (targets,))


def test_backward_is_the_same_every_time() -> None:
    phi, scores = grid("folded").cuda().requires_grad_(), network(5).cuda().requires_grad_()
    image = torch.randn(2, 3, 20, 30, device="cuda", requires_grad=True)
    results = []
    for _ in range(2):
        torch.manual_seed(0)
        values = ops.interpolate(scores, phi, SIZE)
        sampled = ops.sample(image, phi.detach())  # many points per pixel
        loss = (values * torch.randn_like(values)).sum() + (sampled * sampled.sin()).sum()
        results.append(torch.autograd.grad(loss, (scores, phi, image)))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["interpolate", "interpolate_argmax", "rasterize", "sample"])
def test_opcheck(name: str) -> None:
    phi = grid("moved", (9, 11), (3, 4)).cuda()
    tensors = {
        "interpolate": (torch.randn(2, 2, 3, 4, device="cuda", requires_grad=True), phi, (9, 11)),
        "interpolate_argmax": (torch.randn(2, 2, 3, 4, device="cuda"), phi, (9, 11)),
        "rasterize": (phi, (9, 11)),
        "sample": (torch.randn(2, 2, 9, 11, device="cuda", requires_grad=True), phi),
    }
    torch.library.opcheck(getattr(torch.ops.adaseg, name).default, tensors[name])


# --- Streams, graphs, devices, errors -------------------------------------------------------------


def whole_path(image: Tensor, targets: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """From targets and scores to the sampled image and the label map."""
    phi = ops.resize_sampling_tensor(ops.solve_sampling(targets), GRID)
    small = ops.sample(image, phi, mean=[1.0, 2.0, 3.0], std=[2.0, 3.0, 4.0])
    return small, ops.interpolate_argmax(scores + 0 * small[:, :1], phi, SIZE)


def test_whole_path_in_a_graph() -> None:
    adaseg_fast.set_debug(False)
    image = torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8, device="cuda")
    targets = ops.nearest_boundary(label_maps().cuda(), (8, 8))
    scores = network(19).cuda()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        whole_path(image, targets, scores)  # factors of the system are made on first use
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        small, labels = whole_path(image, targets, scores)
    for seed in range(3):
        image.random_(0, 256)
        scores.copy_(network(19, seed=seed))
        targets.copy_(ops.nearest_boundary(label_maps().roll(7 * seed, 1).cuda(), (8, 8)))
        graph.replay()
        expected = whole_path(image, targets, scores)
        assert torch.equal(small, expected[0])
        assert torch.equal(labels, expected[1])


def test_another_stream() -> None:
    adaseg_fast.set_debug(False)
    phi, scores = grid("moved").cuda(), network(5).cuda()
    expected = ops.interpolate(scores, phi, SIZE)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        torch.cuda._sleep(20_000_000)  # work that waits for the wrong stream runs too early
        late = scores.clone().mul_(2)
        found = ops.interpolate(late, phi, SIZE)
    torch.cuda.current_stream().wait_stream(stream)
    torch.testing.assert_close(found, 2 * expected)


@two_devices
def test_the_second_device() -> None:
    phi, scores = grid("moved"), network(5)
    found = ops.interpolate_argmax(scores.to("cuda:1"), phi.to("cuda:1"), SIZE)
    assert found.device == torch.device("cuda:1")
    assert torch.cuda.current_device() == 0
    assert torch.equal(found.cpu(), ops.interpolate_argmax(scores.cuda(), phi.cuda(), SIZE).cpu())


def test_tensors_on_two_devices() -> None:
    with pytest.raises(ValueError, match="scores on cuda:0, phi on cpu"):
        ops.interpolate(network(5).cuda(), grid("moved"), SIZE)


def test_nan_is_an_error_where_it_is_looked_for() -> None:
    phi = grid("moved").cuda()
    phi[0, 0, 3, 3] = float("nan")
    with pytest.raises(ValueError, match="phi holds NaN or infinity"):
        ops.rasterize(phi, SIZE)
    adaseg_fast.set_debug(False)
    faces, _ = ops.rasterize(phi, SIZE)  # without debugging: never an access out of bounds
    assert faces.max() < 2 * (GRID[0] - 1) * (GRID[1] - 1)
    torch.cuda.synchronize()
