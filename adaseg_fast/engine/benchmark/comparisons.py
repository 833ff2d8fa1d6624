# SPDX-License-Identifier: Apache-2.0
"""Each operation and its rival on the same input, and the check that their results agree.

The check is outside the timed functions. A fast wrong result does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

import adaseg_fast
from adaseg_fast import ops
from adaseg_fast.engine.benchmark import problems, rivals
from adaseg_fast.engine.benchmark.problems import TENSOR_SIZE, Problem, Size
from adaseg_fast.engine.benchmark.rivals import Array
from adaseg_fast.nn import prepare_for_inference
from adaseg_fast.normalization import IMAGE_MEAN, IMAGE_STD

# The two best scores may change places if they differ by less than this share of the largest.
NEAR_TIE = 1e-5
_TOLERANCE = 1e-4  # of values of order 10, computed in float32 in two ways


class Disagreement(Exception):
    """Two results that must be equal are not."""


@dataclass(frozen=True)
class Comparison:
    """The same job done in two ways.

    Attributes:
        ours: our side, which is timed.
        rival: the rival's side, which is timed.
        check: takes what the two returned; raises `Disagreement` if they differ where they must
            agree, or if ours is wrong.
    """

    ours: Callable[[], Any]
    rival: Callable[[], Any]
    check: Callable[[Any, Any], None]


def interpolate_argmax(
    problem: Problem, *, noise: bool = False, channels_last: bool = False
) -> Comparison:
    """Compare with bilinear scores and their argmax; our unfused steps check our labels.

    Triangles and bilinear patches differ inside a cell, but not on affine scores: with those both
    sides must give the same labels. This is checked with network-like scores only, not again with
    noise.

    Args:
        problem: the sizes.
        noise: whether scores are noise instead of those of a network.
        channels_last: whether scores are in torch's ``channels_last`` format, with which the rival
            is faster, instead of contiguous, as networks return them.
    """
    phi = problems.ideal_grid(problem)
    scores = problems.noise_scores(problem) if noise else problems.network_scores(problem, phi)
    if channels_last:
        scores = scores.contiguous(memory_format=torch.channels_last)
    affine, uniform = problems.affine_scores(problem), ops.uniform_sampling_tensor(problem.grid)

    def check(labels: Tensor, _: Tensor) -> None:
        _check_labels(labels, ops.interpolate(scores, phi, problem.size))
        if not noise:
            labels = ops.interpolate_argmax(affine, uniform, problem.size)
            _check_labels(labels, rivals.torch_interpolate(affine, problem.size))

    return Comparison(
        lambda: ops.interpolate_argmax(scores, phi, problem.size),
        lambda: rivals.torch_interpolate_argmax(scores, problem.size),
        check,
    )


def interpolate(problem: Problem) -> Comparison:
    """Compare with torch's bilinear interpolation; the two must agree on affine scores."""
    phi = problems.ideal_grid(problem)
    scores = problems.network_scores(problem, phi)
    affine, uniform = problems.affine_scores(problem), ops.uniform_sampling_tensor(problem.grid)

    def check(values: Tensor, rival: Tensor) -> None:
        _require(values.shape == rival.shape, f"{values.shape} is not {rival.shape}")
        values = ops.interpolate(affine, uniform, problem.size)
        _check_close(values, rivals.torch_interpolate(affine, problem.size))

    return Comparison(
        lambda: ops.interpolate(scores, phi, problem.size),
        lambda: rivals.torch_interpolate(scores, problem.size),
        check,
    )


def interpolate_and_fill(problem: Problem) -> Comparison:
    """Compare with filling a new output with a constant, the least any operation must do."""
    shape = (1, problem.classes, *problem.size)
    base = interpolate(problem)

    def check(values: Tensor, filled: Tensor) -> None:
        _require(values.shape == filled.shape, f"{values.shape} is not {filled.shape}")

    return Comparison(base.ours, lambda: torch.full(shape, 0.5), check)


def interpolate_and_griddata(problem: Problem) -> Comparison:
    """Compare with the paper's own method; values must agree in triangles that are Delaunay's."""
    phi = problems.ideal_grid(problem)
    scores = problems.network_scores(problem, phi)

    def check(values: Tensor, rival: Array) -> None:
        same = _delaunay_pixels(phi, problem.size)
        _require(same.mean() > 0.5, f"Delaunay shares {same.mean():.0%} of the pixels' triangles")
        _check_close(values[0].numpy()[:, same], rival[:, same])

    return Comparison(
        lambda: ops.interpolate(scores, phi, problem.size),
        lambda: rivals.griddata(scores[0].numpy(), phi[0].numpy(), problem.size),
        check,
    )


def sample(problem: Problem) -> Comparison:
    """Compare with torch; values must agree except at points half-way between pixels in float32."""
    image, _ = problems.scene(problem.size, problem.seed)
    phi = problems.ideal_grid(problem)

    def check(small: Tensor, rival: Tensor) -> None:
        extent = torch.tensor(problem.size)[:, None, None] - 1
        to_tie = (phi[0].double() * extent % 1 - 0.5).abs().amin(0)
        clear = to_tie > 1e-6 * max(problem.size)
        _require(
            clear.double().mean().item() > 0.9, "nearly every point is half-way between pixels"
        )
        _check_close(small[..., clear], rival[..., clear])

    return Comparison(
        lambda: ops.sample(image, phi, mean=IMAGE_MEAN, std=IMAGE_STD),
        lambda: rivals.torch_sample(image, phi),
        check,
    )


def sample_and_remap(problem: Problem) -> Comparison:
    """Compare with OpenCV, which only copies; both must take the same pixels."""
    image, _ = problems.scene(problem.size, problem.seed)
    phi = problems.ideal_grid(problem)
    interleaved = image[0].permute(1, 2, 0).numpy()
    maps = rivals.opencv_maps(phi, problem.size)

    def check(small: Tensor, rival: Array) -> None:
        mean, std = (np.array(x)[:, None, None] for x in (IMAGE_MEAN, IMAGE_STD))
        _check_close(small[0].numpy() * std + mean, rival.transpose(2, 0, 1).astype(float))

    return Comparison(
        lambda: ops.sample(image, phi, mean=IMAGE_MEAN, std=IMAGE_STD),
        lambda: rivals.opencv_sample(interleaved, maps),
        check,
    )


def boundary_mask(problem: Problem) -> Comparison:
    """Compare with the same comparisons of neighbours in NumPy; the masks must be equal."""
    _, labels = problems.scene(problem.size, problem.seed)

    def check(mask: Tensor, rival: Array) -> None:
        _require(bool((mask[0].numpy() == rival).all()), "the masks differ")

    return Comparison(
        lambda: ops.boundary_mask(labels), lambda: rivals.boundaries(labels[0].numpy()), check
    )


def nearest_boundary(problem: Problem, *, classes: Sequence[int] | None = None) -> Comparison:
    """Compare with a distance transform; distances must agree, our points be boundary pixels."""
    _, labels = problems.scene(problem.size, problem.seed)
    extent = np.array(problem.size)[:, None, None] - 1
    at_rows, at_cols = rivals.grid_pixels(TENSOR_SIZE, problem.size)
    at = np.stack(np.meshgrid(at_rows, at_cols, indexing="ij"))

    def check(nearest: Tensor, rival: Array) -> None:
        pixels = np.rint(nearest[0].double().numpy() * extent).astype(int)
        mask = rivals.boundaries(labels[0].numpy(), classes)
        _require(bool(mask[tuple(pixels)].all()), "not every point found is a boundary pixel")
        ours, theirs = (((found - at) ** 2).sum(0) for found in (pixels, rival))
        _require(bool((ours == theirs).all()), "distances differ")

    return Comparison(
        lambda: ops.nearest_boundary(labels, TENSOR_SIZE, classes=classes),
        lambda: rivals.distance_transform(labels[0].numpy(), TENSOR_SIZE, classes),
        check,
    )


def solve_sampling(problem: Problem, *, size: Size = TENSOR_SIZE, items: int = 128) -> Comparison:
    """Compare a batch with one sparse solution per item; the two must agree to 1e-6.

    Of ``problem`` only ``seed`` counts.
    """
    generator = torch.Generator().manual_seed(problem.seed)
    targets = torch.rand((items, 2, *size), generator=generator)
    system = rivals.sampling_system(size)
    wanted = targets.double().numpy()

    def check(phi: Tensor, rival: Array) -> None:
        _check_close(phi.numpy(), rival, 1e-6)

    return Comparison(
        lambda: ops.solve_sampling(targets), lambda: rivals.spsolve_each(wanted, system), check
    )


def inference(problem: Problem) -> Comparison:
    """Compare adaptive inference with stock uniform inference of the same base network.

    Our model is prepared as the commands prepare it; the rival's network is as PyTorch builds it.
    The two sample different pixels, so our labels are checked against our own steps, unfused.
    """
    image, _ = problems.scene(problem.size, problem.seed)
    stock = problems.adaptive_model(problem).segmenter
    model = prepare_for_inference(problems.adaptive_model(problem))

    def check(labels: Tensor, rival: Tensor) -> None:
        _require(labels.shape == rival.shape, f"{labels.shape} is not {rival.shape}")
        with torch.inference_mode():
            scores, phi = model(image)
            _check_labels(labels, ops.interpolate(scores, phi, problem.size))

    return Comparison(
        lambda: model.predict(image),
        lambda: rivals.stock_inference(stock, image, problem.grid),
        check,
    )


def across_backends(
    compare: Callable[[Problem], Comparison], problem: Problem, *, ours: str, rival: str
) -> Comparison:
    """Compare an operation on one backend with the same on another; the results must agree."""
    function = compare(problem).ours

    def on(backend: str) -> Any:
        with adaseg_fast.use_backend(backend):
            return function()

    def check(first: Tensor, second: Tensor) -> None:
        if first.dtype.is_floating_point:
            _check_close(first, second)
        else:
            different = (first != second).double().mean().item()
            _require(different <= 1e-4, f"{different:.2%} of the labels differ")

    return Comparison(partial(on, ours), partial(on, rival), check)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise Disagreement(message)


def _check_close(ours: Any, rival: Any, tolerance: float = _TOLERANCE) -> None:
    worst = (torch.as_tensor(ours) - torch.as_tensor(rival)).abs_().amax().item()
    # A NaN is not below any tolerance, so it is a disagreement.
    _require(worst <= tolerance, f"values differ by up to {worst:.2g}, more than {tolerance:.0e}")


def _check_labels(labels: Tensor, values: Tensor) -> None:
    """Check that labels (1, H, W) are the argmax of values (1, C, H, W), except for near ties."""
    won = values.gather(1, labels[:, None].long())[:, 0]
    worst = (values.amax(1) - won).max().item()
    lowest, highest = values.aminmax()
    allowed = NEAR_TIE * max(-lowest.item(), highest.item())
    _require(worst <= allowed, f"a label's score is {worst:.2g} below the best")


def _delaunay_pixels(phi: Tensor, size: Size) -> Array:
    """Pixels whose triangle is also in Delaunay's triangulation, (H, W) bool."""
    points = rivals.pixel_points(phi[0].numpy(), size)
    theirs = np.sort(rivals.scipy("spatial").Delaunay(points).simplices.astype(np.int64), axis=1)
    ours = np.sort(ops.triangles(phi, size)[0].numpy(), axis=1)
    numbers = [((t[:, 0] * len(points)) + t[:, 1]) * len(points) + t[:, 2] for t in (ours, theirs)]
    faces, _ = ops.rasterize(phi, size)
    return np.asarray(np.isin(*numbers)[faces[0].numpy()])
