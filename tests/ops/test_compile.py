# SPDX-License-Identifier: Apache-2.0
"""Whole graphs: torch.compile, with dynamic shapes too, and torch.export."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

from adaseg_fast import ops
from adaseg_fast.nn import (
    AdaptiveDownsampler,
    AdaptiveSegmenter,
    DoubleUNet,
    UNet,
    UniformDownsampler,
)
from support.grids import grids


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def inputs(
    items: int = 2, size: tuple[int, int] = (9, 11), shape: tuple[int, int] = (3, 4)
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (items, 3, *size), generator=generator, dtype=torch.uint8)
    scores = torch.randn(items, 5, *shape, generator=generator)
    return image, scores, torch.from_numpy(grids("moved", shape, size, items=items)).float()


def inference(image: Tensor, scores: Tensor, phi: Tensor) -> tuple[Tensor, ...]:
    """Every operation that a picture passes through."""
    size = image.shape[2:]
    fine = ops.resize_sampling_tensor(ops.project_to_cover(phi), (7, 6))
    small = ops.sample(image, fine, mean=[1, 2, 3], std=[4, 5, 6])
    labels = ops.interpolate_argmax(scores, phi, size)
    faces, weights = ops.rasterize(phi, size)
    return small, labels, faces, weights, ops.triangles(phi, size), ops.boundary_mask(labels)


def training(image: Tensor, scores: Tensor, phi: Tensor) -> Tensor:
    """Every operation that a loss may be made of."""
    covering = ops.project_to_cover(phi)
    uniform = ops.uniform_sampling_tensor(phi.shape[2:], batch_size=phi.shape[0])
    targets = ops.nearest_boundary(image[:, 0] // 64, phi.shape[2:])
    targets = ops.solve_sampling(targets + 0.1 * (uniform - covering))
    values = ops.sample(ops.interpolate(scores, covering, image.shape[2:]), covering)
    return ops.sampling_energy(covering, targets, 0.5).sum() + values.square().sum()


def trained(
    function: Callable[..., Tensor], image: Tensor, scores: Tensor, phi: Tensor
) -> list[Tensor]:
    """The loss and its gradients."""
    leaves = [scores.clone().requires_grad_(), phi.clone().requires_grad_()]
    loss = function(image, *leaves)
    loss.backward()
    return [loss.detach(), *(leaf.grad for leaf in leaves)]


def test_inference_in_one_graph() -> None:
    compiled = torch.compile(inference, fullgraph=True, backend="aot_eager")
    arguments = inputs()
    for one, other in zip(compiled(*arguments), inference(*arguments), strict=True):
        assert torch.equal(one, other)


def test_training_in_one_graph() -> None:
    compiled = torch.compile(training, fullgraph=True, backend="aot_eager")
    arguments = inputs()
    for one, other in zip(
        trained(compiled, *arguments), trained(training, *arguments), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_inductor() -> None:
    """No kernel but ours is in the graph, so that no compiler is needed."""

    def label(image: Tensor, scores: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        return ops.sample(image, phi), ops.interpolate_argmax(scores, phi, image.shape[2:])

    arguments = inputs()
    compiled = torch.compile(label, fullgraph=True, backend="inductor")
    for one, other in zip(compiled(*arguments), label(*arguments), strict=True):
        assert torch.equal(one, other)


# Items, image and grid. Equal sizes would become one symbol, and with it be taken for phi's two
# coordinates.
SHAPES = ((4, (19, 11), (8, 9)), (5, (20, 13), (10, 12)), (7, (8, 30), (12, 5)))


def test_dynamic_shapes_in_inference() -> None:
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(inference, fullgraph=True, dynamic=True, backend=counter)
    compiled(*inputs(*SHAPES[0]))
    compilations = counter.frame_count
    for arguments in (inputs(*shapes) for shapes in SHAPES):
        for one, other in zip(compiled(*arguments), inference(*arguments), strict=True):
            assert torch.equal(one, other)
    assert counter.frame_count == compilations


def test_dynamic_shapes_in_training() -> None:
    def loss(image: Tensor, scores: Tensor, phi: Tensor) -> Tensor:
        values = ops.interpolate(scores, phi, image.shape[2:])
        return (ops.sample(values, ops.solve_sampling(phi)) - scores).square().sum()

    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(loss, fullgraph=True, dynamic=True, backend=counter)
    trained(compiled, *inputs(*SHAPES[0]))
    compilations = counter.frame_count
    for arguments in (inputs(*shapes) for shapes in SHAPES):
        found, expected = trained(compiled, *arguments), trained(loss, *arguments)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)
    assert counter.frame_count == compilations


def test_errors_are_those_of_eager_mode() -> None:
    compiled = torch.compile(ops.interpolate, backend="aot_eager")
    _, scores, phi = inputs()
    with pytest.raises(Exception, match="scores must be"):
        compiled(scores[:, :, :2], phi, (9, 11))


class Inference(torch.nn.Module):
    def forward(self, image: Tensor, scores: Tensor, phi: Tensor) -> tuple[Tensor, ...]:
        return inference(image, scores, phi)


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_export(dynamic: bool) -> None:
    batch = torch.export.Dim("batch", min=2, max=64)
    rows = torch.export.Dim("rows", min=2, max=4096)
    cols = torch.export.Dim("cols", min=2, max=4096)
    shapes = ({0: batch, 2: rows, 3: cols}, {0: batch}, {0: batch}) if dynamic else None
    program = torch.export.export(Inference(), inputs(), dynamic_shapes=shapes)
    names = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert {"adaseg.sample.default", "adaseg.interpolate_argmax.default"} <= names
    for arguments in (inputs(), inputs(5, (30, 17))) if dynamic else (inputs(),):
        found = program.module()(*arguments)
        for one, other in zip(found, inference(*arguments), strict=True):
            assert torch.equal(one, other)


# --- Prediction -----------------------------------------------------------------------------------


class Pointwise(torch.nn.Module):
    """A network with views of a parameter and a buffer, which inductor compiles in no time."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([[1.0, -1.0, 0.5]]))
        self.register_buffer("bias", torch.tensor([0.1, 0.2, 0.3, 0.4]))

    def forward(self, small: Tensor) -> Tensor:
        channel = (small * self.weight.view(1, 3, 1, 1)).sum(1, keepdim=True)
        return channel * torch.arange(-1.0, 3.0).view(1, 4, 1, 1) + self.bias.view(1, 4, 1, 1)


def segmenter(kind: str) -> AdaptiveSegmenter:
    torch.manual_seed(0)
    if kind == "pointwise":
        return AdaptiveSegmenter(Pointwise(), UniformDownsampler((8, 12))).eval()
    sampler = DoubleUNet((4, 4), input_size=(8, 8), width=8)
    torch.nn.init.normal_(sampler.offset.weight, std=0.05)
    downsampler = AdaptiveDownsampler(sampler, (8, 8), (16, 16))
    return AdaptiveSegmenter(UNet(4, width=4), downsampler).eval()


# Both ways of asking for a compiled prediction.
WAYS: dict[str, Callable[..., Callable[..., Tensor]]] = {
    "method": lambda model, name, **how: torch.compile(getattr(model, name), **how),
    "model": lambda model, name, **how: getattr(torch.compile(model, **how), name),
}
PREDICTIONS = [
    ("pointwise", "method", "predict"),
    ("pointwise", "method", "predict_scores"),
    ("pointwise", "model", "predict"),
    ("pointwise", "model", "predict_scores"),
    ("adaptive", "method", "predict_scores"),
    ("adaptive", "model", "predict"),
]


@pytest.mark.parametrize(("kind", "way", "name"), PREDICTIONS)
def test_prediction_in_one_graph(kind: str, way: str, name: str) -> None:
    model, counter = segmenter(kind), CompileCounterWithBackend("aot_eager")
    predict = WAYS[way](model, name, fullgraph=True, dynamic=True, backend=counter)
    counts = []
    for items, size, _ in SHAPES:
        image = inputs(items, size)[0]
        found = predict(image)
        torch.testing.assert_close(found, getattr(model, name)(image))
        assert not found.requires_grad
        counts.append(counter.frame_count)
    assert counts[0] > 0 and len(set(counts)) == 1, "compiled, and once for all sizes"


@pytest.mark.parametrize("way", WAYS)
def test_prediction_by_inductor(way: str) -> None:
    model = segmenter("pointwise")
    predict = WAYS[way](model, "predict", fullgraph=True, dynamic=True)
    for items, size, _ in SHAPES[:2]:
        image = inputs(items, size)[0]
        assert torch.equal(predict(image), model.predict(image))


def test_prediction_at_another_size_and_in_floats() -> None:
    model = segmenter("adaptive")
    predict = torch.compile(model, fullgraph=True, backend="aot_eager").predict
    image = inputs()[0].float()
    assert torch.equal(predict(image, (20, 30)), model.predict(image, (20, 30)))
    assert torch.equal(predict(image, size=(5, 6)), model.predict(image, size=(5, 6)))


def test_a_model_compiled_in_place() -> None:
    model, counter = segmenter("adaptive"), CompileCounterWithBackend("aot_eager")
    image = inputs()[0]
    expected = model.predict(image)
    model.compile(backend=counter)
    torch.testing.assert_close(model.predict(image), expected)
    assert counter.frame_count > 0


def test_the_compiled_model_is_a_model() -> None:
    """It trains, moves and shows its steps as the one inside does."""
    model = segmenter("adaptive")
    compiled = torch.compile(model, backend="aot_eager")
    assert compiled.predict.__name__ == "predict"
    compiled.train()
    assert model.training and not model.downsampler.training
    image = inputs()[0]
    compiled(image)[0].sum().backward()
    assert model.segmenter.classify.weight.grad.any()
    assert compiled.choose_points(image).shape == (2, 2, 16, 16)


def test_errors_of_a_compiled_prediction() -> None:
    predict = torch.compile(segmenter("pointwise"), backend="aot_eager").predict
    with pytest.raises(Exception, match=r"which is \(N, H, W, C\)"):
        predict(torch.zeros(1, 9, 11, 3))
