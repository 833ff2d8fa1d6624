# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from adaseg_fast import ops
from adaseg_fast.nn import (
    AdaptiveDownsampler,
    AdaptiveSegmenter,
    DoubleUNet,
    UNet,
    UniformDownsampler,
)

PLAIN = {"mean": (0.0,) * 3, "std": (1.0,) * 3}


class Halfplane(nn.Module):
    """Scores linear in the first channel: class 1 where it exceeds ``threshold``."""

    def __init__(self, threshold: float, step: int = 1) -> None:
        super().__init__()
        self.threshold, self.step = threshold, step

    def forward(self, small: Tensor) -> Tensor:
        excess = small[:, :1, :: self.step, :: self.step] - self.threshold
        return torch.cat((-excess, excess), dim=1)


class Warp(nn.Module):
    """A sampler that pulls the points towards a corner, differently in each item."""

    def forward(self, view: Tensor) -> Tensor:
        n = view.shape[0]
        power = torch.arange(1, n + 1).reshape(n, 1, 1, 1) * 0.5 + 0.75
        return ops.uniform_sampling_tensor((5, 5), batch_size=n) ** power


def ramp(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Two float frames whose first channel rises across rows and columns, and what it is."""
    rows = torch.arange(height).float()[:, None].expand(height, width)
    columns = torch.arange(width).float()[None, :].expand(height, width)
    value = 0.7 * rows + 0.4 * columns
    return value.expand(2, 3, height, width), value


def small_model(num_classes: int = 4) -> AdaptiveSegmenter:
    torch.manual_seed(0)
    sampler = DoubleUNet((4, 4), input_size=(8, 8), width=8)
    nn.init.normal_(sampler.offset.weight, std=0.05)
    downsampler = AdaptiveDownsampler(sampler, (8, 8), (16, 16), trainable=True)
    return AdaptiveSegmenter(UNet(num_classes, width=8), downsampler).eval()


def downsamplers(size: tuple[int, int]) -> list[nn.Module]:
    return [
        UniformDownsampler(size, **PLAIN),
        AdaptiveDownsampler(Warp(), (8, 8), size, **PLAIN).eval(),
    ]


@pytest.mark.parametrize("frame", [(64, 64), (96, 72), (50, 131)])
@pytest.mark.parametrize("step", [1, 4])  # 4: an output stride, the corners still aligned
@pytest.mark.parametrize("adaptive", [False, True])
def test_a_linear_boundary_comes_back_where_it_was(frame, step, adaptive):
    image, value = ramp(*frame)
    threshold = 0.45 * value.max().item()
    model = AdaptiveSegmenter(Halfplane(threshold, step), downsamplers((13, 17))[adaptive])
    scores, _ = model(image)
    assert scores.shape[2:] == ((13, 17) if step == 1 else (4, 5))
    labels = model.predict(image)
    assert labels.shape == (2, *frame) and labels.dtype == torch.uint8
    # Sampling rounds by up to half a pixel each way, which moves the boundary by up to 0.55.
    sure = (value - threshold).abs() > 0.56
    expected = (value > threshold).to(torch.uint8).expand(2, *frame)
    assert torch.equal(labels[:, sure], expected[:, sure])


def test_forward_is_downsampler_then_segmenter():
    model = small_model()
    image = torch.randint(256, (2, 3, 30, 50), dtype=torch.uint8)
    small, phi = model.downsampler(image)
    scores, also_phi = model(image)
    assert torch.equal(scores, model.segmenter(small))
    assert torch.equal(also_phi, phi)
    assert scores.shape == (2, 4, 16, 16)


def test_predict_is_the_argmax_of_interpolated_scores():
    model = small_model()
    image = torch.randint(256, (2, 3, 96, 72), dtype=torch.uint8)
    scores, phi = model(image)
    full = ops.interpolate(scores, phi, (96, 72))
    labels = model.predict(image)
    best = full.topk(2, dim=1).values
    clear = best[:, 0] - best[:, 1] > 1e-4 * full.abs().max()
    assert clear.float().mean() > 0.9
    assert torch.equal(labels[clear], full.argmax(1)[clear].to(torch.uint8))


@pytest.mark.parametrize("frame", [(96, 72), (7, 5), (1, 1), (33, 100)])
def test_a_decoders_memory_is_read_in_place_and_any_aspect_works(frame):
    torch.manual_seed(0)
    model = small_model()
    decoded = torch.randint(256, (2, frame[0], frame[1] + 4, 3), dtype=torch.uint8)
    image = decoded[:, :, 1:-3].permute(0, 3, 1, 2)
    assert frame == (1, 1) or not image.is_contiguous()
    labels = model.predict(image)
    assert labels.shape == (2, *frame)
    assert torch.equal(labels, model.predict(image.contiguous()))


def test_predict_at_another_size():
    model = small_model()
    image = torch.randint(256, (1, 3, 40, 30), dtype=torch.uint8)
    scores, phi = model(image)
    labels = model.predict(image, size=(11, 23))
    assert torch.equal(labels, ops.interpolate_argmax(scores, phi, (11, 23)))


@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize("size", [None, (11, 23)])
def test_predicted_scores_are_those_that_predict_labels(step, size):
    image, value = ramp(50, 61)
    downsampler = AdaptiveDownsampler(Warp(), (8, 8), (13, 17), **PLAIN).eval()
    model = AdaptiveSegmenter(Halfplane(0.45 * value.max().item(), step), downsampler)
    full = model.predict_scores(image, size)
    assert full.shape == (2, 2, *(size or (50, 61))) and full.is_inference()
    scores, phi = model(image)
    at_scores = ops.resize_sampling_tensor(phi, scores.shape[2:])
    assert torch.equal(full, ops.interpolate(scores, at_scores, size or (50, 61)))
    labels = model.predict(image, size)
    clear = (full[:, 0] - full[:, 1]).abs() > 1e-4 * full.abs().max()
    assert clear.float().mean() > 0.9
    assert torch.equal(labels[clear], full.argmax(1)[clear].to(torch.uint8))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("adaptive", [False, True])
def test_the_steps_one_by_one_are_the_whole(adaptive, training):
    torch.manual_seed(0)
    downsampler = small_model().downsampler if adaptive else UniformDownsampler((13, 17))
    model = AdaptiveSegmenter(nn.Conv2d(3, 4, 3, stride=2), downsampler).train(training)
    image = torch.randint(256, (2, 3, 96, 72), dtype=torch.uint8)
    phi = model.choose_points(image)
    small = model.sample(image, phi)
    scores = model.segment(small)
    for one, other in zip((scores, phi), model(image), strict=True):
        assert torch.equal(one, other)
    assert scores.shape[2:] != phi.shape[2:]
    assert torch.equal(model.label(scores, phi, (96, 72)), model.predict(image))
    assert torch.equal(model.interpolate(scores, phi, (96, 72)), model.predict_scores(image))


def test_a_downsampler_from_elsewhere_serves_as_a_whole_but_has_no_steps():
    class Corner(nn.Module):
        def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
            phi = ops.uniform_sampling_tensor((6, 7), batch_size=len(image)) / 2
            return ops.sample(image.float(), phi), phi

    model = AdaptiveSegmenter(nn.Conv2d(3, 4, 1), Corner()).eval()
    image = torch.randint(256, (1, 3, 40, 30), dtype=torch.uint8)
    labels = model.predict(image)[0]
    assert (labels[:20, :15] < 4).all() and (labels[21:] == 255).all()
    for call in (model.choose_points, lambda image: model.sample(image, image)):
        with pytest.raises(TypeError, match=r"must be a UniformDownsampler or .*, got Corner"):
            call(image)


def test_predict_tracks_no_gradient_and_keeps_the_mode():
    model = small_model()
    image = torch.randint(256, (2, 3, 40, 30), dtype=torch.uint8)
    statistics = model.segmenter.encoder[0][1].running_mean
    before = statistics.clone()
    assert model.predict(image).is_inference()
    assert not model.training and torch.equal(statistics, before)
    model.train().predict(image)
    assert model.training and not torch.equal(statistics, before)


def test_items_of_a_batch_are_independent():
    model = small_model()
    image = torch.randint(256, (3, 3, 48, 31), dtype=torch.uint8)
    together, alone = model(image), [model(image[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(together[0], torch.cat([scores for scores, _ in alone]))
    torch.testing.assert_close(together[1], torch.cat([phi for _, phi in alone]))


def test_many_classes():
    labels = small_model(300).predict(torch.randint(256, (1, 3, 20, 20), dtype=torch.uint8))
    assert labels.dtype == torch.int32 and labels.min() >= 0 and labels.max() < 300


def test_one_training_step_of_each_network():
    model = small_model().train()
    image = torch.randint(256, (2, 3, 40, 40), dtype=torch.uint8)
    truth = torch.randint(4, (2, 40, 40))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        scores, phi = model(image)
        full = ops.interpolate(scores, phi, (40, 40))
        loss = nn.functional.cross_entropy(full, truth)
        loss.backward()
        assert all(p.grad is not None and p.grad.any() for p in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] != losses[1]


def test_forward_compiles_to_one_graph():
    model = small_model()
    image = torch.randint(256, (2, 3, 40, 30), dtype=torch.uint8)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        for got, expected in zip(compiled(image), model(image), strict=True):
            torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("shape", [(3, 20, 20), (20, 20, 3), (1, 20, 20, 3)])
def test_an_image_of_another_layout_is_refused(shape):
    image = torch.zeros(shape, dtype=torch.uint8)
    match = r"image must have shape \(N, C, H, W\).*got shape \(" + ", ".join(map(str, shape))
    model = small_model()
    for call in (model, model.predict, model.predict_scores, model.choose_points):
        with pytest.raises(ValueError, match=match):
            call(image)


def test_a_segmenter_that_returns_no_tensor_is_named():
    class Wrapped(nn.Module):
        def forward(self, small: Tensor) -> dict[str, Tensor]:
            return {"out": small}

    model = AdaptiveSegmenter(Wrapped(), UniformDownsampler((8, 8)))
    with pytest.raises(TypeError, match=r"segmenter must return a tensor of scores .* got dict"):
        model.predict(torch.zeros(1, 3, 20, 20, dtype=torch.uint8))
