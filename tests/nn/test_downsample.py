# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from adaseg_fast import ops
from adaseg_fast.nn import AdaptiveDownsampler, DoubleUNet, UniformDownsampler
from adaseg_fast.normalization import IMAGE_MEAN, IMAGE_STD


class Constant(nn.Module):
    """A sampler that answers the same tensor whatever it sees, and keeps what it saw."""

    def __init__(self, phi: Tensor) -> None:
        super().__init__()
        self.phi = nn.Parameter(phi)
        self.seen: list[Tensor] = []

    def forward(self, view: Tensor) -> Tensor:
        self.seen.append(view)
        return self.phi.expand(view.shape[0], -1, -1, -1)


def random_image(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, shape, generator=generator, dtype=torch.uint8)


def outside(size: tuple[int, int]) -> Tensor:
    """A sampling tensor that violates (3) in every way."""
    generator = torch.Generator().manual_seed(3)
    return torch.rand((1, 2, *size), generator=generator) * 2 - 0.5


def nearest_by_hand(image: Tensor, phi: Tensor) -> np.ndarray:
    pixels, points = image.numpy().astype(np.float64), phi.numpy().astype(np.float64)
    n, channels, height, width = pixels.shape
    h, w = points.shape[2:]
    small = np.empty((n, channels, h, w))
    for item in range(n):
        for i in range(h):
            for j in range(w):
                row = int(np.rint(points[item, 0, i, j] * (height - 1)))
                column = int(np.rint(points[item, 1, i, j] * (width - 1)))
                small[item, :, i, j] = pixels[item, :, row, column]
    mean, std = np.array(IMAGE_MEAN)[:, None, None], np.array(IMAGE_STD)[:, None, None]
    return (small - mean) / std


@pytest.mark.parametrize("size", [(2, 2), (5, 9), (16, 12)])
@pytest.mark.parametrize("frame", [(1, 1), (37, 52), (96, 72)])
def test_uniform_against_a_loop(size, frame):
    image = random_image(2, 3, *frame)
    small, phi = UniformDownsampler(size)(image)
    assert small.dtype == torch.float32
    assert torch.equal(phi, ops.uniform_sampling_tensor(size, batch_size=2))
    np.testing.assert_allclose(small.numpy(), nearest_by_hand(image, phi), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("size", [(16, 16), (9, 21), (4, 4), (2, 3)])
def test_adaptive_step_by_step_is_the_whole(size, training):
    sampler = Constant(outside((4, 5)) * 0.5 + 0.25)
    model = AdaptiveDownsampler(sampler, (12, 10), size, trainable=True).train(training)
    image = random_image(2, 3, 60, 44)
    small, phi = model(image)

    view = ops.uniform_sampling_tensor((12, 10), batch_size=2)
    np.testing.assert_allclose(
        sampler.seen[0].numpy(), nearest_by_hand(image, view), rtol=1e-5, atol=1e-6
    )
    assert torch.equal(sampler.seen[0], model.view(image))
    coarse = sampler.phi.expand(2, -1, -1, -1)
    coarse = coarse if training else ops.project_to_cover(coarse)
    assert torch.equal(model.coarse_tensor(image), coarse)
    assert torch.equal(phi, ops.resize_sampling_tensor(coarse, size))
    assert torch.equal(phi, model.sampling_tensor(image))
    clamped = phi.detach().clamp(0, 1)
    np.testing.assert_allclose(
        small.detach().numpy(), nearest_by_hand(image, clamped), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("size", [(5, 5), (9, 9), (17, 33)])
def test_identity_sampler_is_the_uniform_downsampler_bit_for_bit(size):
    # Dyadic positions, so that resizing rounds nothing.
    sampler = Constant(ops.uniform_sampling_tensor((5, 5)))
    adaptive = AdaptiveDownsampler(sampler, (8, 8), size).eval()
    image = random_image(2, 3, 90, 71)
    with torch.no_grad():
        small, phi = adaptive(image)
    expected, uniform = UniformDownsampler(size)(image)
    assert torch.equal(phi, uniform)
    assert torch.equal(small, expected)


def test_untrained_network_samples_uniformly():
    sampler = DoubleUNet(input_size=(16, 16), width=8)
    adaptive = AdaptiveDownsampler(sampler, (16, 16), (32, 32)).eval()
    _, phi = adaptive(random_image(1, 3, 64, 64))
    torch.testing.assert_close(phi, ops.uniform_sampling_tensor((32, 32)))


@pytest.mark.parametrize("size", [(3, 3), (8, 8), (31, 64)])
def test_evaluation_holds_the_covering_constraints_exactly(size):
    model = AdaptiveDownsampler(Constant(outside((6, 7))), (8, 8), size, trainable=True)
    image = random_image(1, 3, 40, 40)
    phi = model.eval().sampling_tensor(image)
    assert phi.min() >= 0 and phi.max() <= 1
    assert (phi[:, 0, 0] == 0).all() and (phi[:, 0, -1] == 1).all()
    assert (phi[:, 1, :, 0] == 0).all() and (phi[:, 1, :, -1] == 1).all()
    raw = model.train().sampling_tensor(image)
    assert raw.min() < 0 and raw.max() > 1
    assert not torch.equal(raw[:, 0, 0], torch.zeros(1, size[1]))


def test_gradient_reaches_the_sampler_through_interpolation_but_not_through_the_image():
    torch.manual_seed(0)
    sampler = DoubleUNet((4, 4), input_size=(8, 8), width=8)
    model = AdaptiveDownsampler(sampler, (8, 8), (6, 6), trainable=True).train()
    small, phi = model(random_image(2, 3, 20, 20))
    assert not small.requires_grad
    scores = torch.randn(2, 3, 6, 6)
    ops.interpolate(scores, phi, (20, 20)).square().sum().backward()
    assert sampler.offset.weight.grad.any()


def test_float_image_and_own_statistics():
    image = torch.rand(1, 1, 9, 9)
    small, _ = UniformDownsampler((9, 9), mean=(0.5,), std=(0.25,))(image)
    torch.testing.assert_close(small, (image - 0.5) / 0.25)
    sampler = Constant(ops.uniform_sampling_tensor((3, 3)))
    adaptive = AdaptiveDownsampler(sampler, (9, 9), (9, 9), mean=[0.5], std=[0.25]).eval()
    assert adaptive.mean == (0.5,) and adaptive.std == (0.25,)
    torch.testing.assert_close(adaptive.view(image), (image - 0.5) / 0.25)
    torch.testing.assert_close(adaptive(image)[0], (image - 0.5) / 0.25)


def test_only_the_sampler_is_in_the_state():
    assert UniformDownsampler((4, 4)).state_dict() == {}
    sampler = DoubleUNet(input_size=(8, 8), width=8)
    state = AdaptiveDownsampler(sampler, (8, 8), (4, 4)).state_dict()
    assert set(state) == {f"sampler.{name}" for name in sampler.state_dict()}


def test_uniform_positions_stay_exact_when_cast():
    model = UniformDownsampler((7, 7)).half()
    _, phi = model(random_image(1, 3, 30, 30))
    assert torch.equal(phi, ops.uniform_sampling_tensor((7, 7)))


@pytest.mark.parametrize(
    "image", [torch.zeros(3, 8, 8), torch.zeros(8, 8), torch.zeros(1, 8, 8, 3)]
)
def test_an_image_of_another_layout_is_refused(image):
    shape = str(tuple(image.shape)).replace("(", r"\(").replace(")", r"\)")
    match = rf"image must have shape \(N, C, H, W\) with C = 3 channels, got shape {shape}"
    adaptive = AdaptiveDownsampler(Constant(outside((3, 3))), (4, 4), (4, 4))
    for call in (UniformDownsampler((4, 4)), adaptive, adaptive.view):
        with pytest.raises(ValueError, match=match):
            call(image)


def test_a_sampler_made_for_another_view_is_refused():
    model = AdaptiveDownsampler(DoubleUNet(input_size=(32, 32), width=8), (16, 16), (8, 8))
    with pytest.raises(ValueError, match=r"input_size=\(32, 32\); got shape \(1, 3, 16, 16\)"):
        model(random_image(1, 3, 50, 50))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (1, 4)}, r"size must be two integers, at least 2 each, got \(1, 4\)"),
        ({"size": (4, 4, 4)}, r"size must be two integers, at least 2 each, got \(4, 4, 4\)"),
        ({"size": (4, 4), "mean": (1, 2)}, r"one value for each channel .* mean=\(1.0, 2.0\)"),
        ({"size": (4, 4), "mean": (), "std": ()}, r"one value for each channel .* mean=\(\)"),
        ({"size": (4, 4), "std": (1, 0, 1)}, r"std must be positive, got \(1.0, 0.0, 1.0\)"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        UniformDownsampler(**arguments)
    with pytest.raises(ValueError, match=message):
        AdaptiveDownsampler(nn.Identity(), (8, 8), **arguments)


def test_bad_size_of_the_view():
    with pytest.raises(ValueError, match=r"view_size must be two integers, .* got \(8, 1\)"):
        AdaptiveDownsampler(nn.Identity(), (8, 1), (8, 8))


# --- Names until version 0.1 ----------------------------------------------------------------------


def test_the_former_keyword_still_works():
    sampler = Constant(outside((3, 3)))
    with pytest.warns(DeprecationWarning, match="aux_size is now called view_size") as caught:
        model = AdaptiveDownsampler(sampler, aux_size=(8, 9), size=(4, 5))
    assert caught[0].filename == __file__
    assert model.view_size == (8, 9) and model.size == (4, 5)
    with pytest.raises(TypeError, match=r"view_size was given twice, also under .* aux_size"):
        AdaptiveDownsampler(sampler, aux_size=(8, 8), view_size=(8, 8), size=(4, 4))
    with (
        pytest.warns(DeprecationWarning),
        pytest.raises(ValueError, match=r"view_size must be two integers, .* got \(8, 1\)"),
    ):
        AdaptiveDownsampler(sampler, aux_size=(8, 1), size=(4, 4))


def test_the_former_names_of_attributes_still_work():
    model = AdaptiveDownsampler(Constant(outside((3, 3))), view_size=(8, 9), size=(4, 5))
    with pytest.warns(DeprecationWarning, match="aux_size is now called view_size") as caught:
        assert model.aux_size == (8, 9)
    assert caught[0].filename == __file__
    image = random_image(1, 3, 20, 30)
    with pytest.warns(DeprecationWarning, match="aux_view is now called view") as caught:
        assert torch.equal(model.aux_view(image), model.view(image))
    assert caught[0].filename == __file__
