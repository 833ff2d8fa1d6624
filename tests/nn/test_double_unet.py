# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from adaseg_fast import ops
from adaseg_fast.nn import DoubleUNet


def train(model: DoubleUNet, steps: int) -> list[float]:
    """Fit random tensors to random views; the losses, and the gradients of the last step."""
    generator = torch.Generator().manual_seed(1)
    view = torch.randn(4, model.in_channels, *model.input_size, generator=generator)
    target = torch.rand(4, 2, *model.size, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (model(view) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("size", [(8, 8), (2, 2), (3, 5), (16, 7), (40, 40)])
@pytest.mark.parametrize("input_size", [(8, 8), (9, 13), (32, 32), (45, 80), (8, 130)])
@pytest.mark.parametrize("training", [False, True])
def test_untrained_network_is_the_uniform_tensor_at_any_size(size, input_size, training):
    model = DoubleUNet(size, input_size=input_size, width=8).train(training)
    phi = model(torch.randn(2, 3, *input_size))
    assert phi.shape == (2, 2, *size)
    assert torch.equal(phi, ops.uniform_sampling_tensor(size, batch_size=2))


@pytest.mark.parametrize(
    ("size", "input_size", "levels"),
    [
        ((8, 8), (32, 32), [(32, 32), (16, 16), (8, 8), (4, 4)]),
        ((8, 8), (128, 128), [(128, 128), (64, 64), (32, 32), (16, 16), (8, 8), (4, 4)]),
        ((8, 8), (16, 16), [(16, 16), (8, 8), (4, 4)]),
        ((8, 8), (8, 8), [(8, 8), (8, 8), (4, 4)]),
        ((8, 8), (45, 80), [(45, 80), (23, 40), (12, 20), (8, 10), (8, 8), (4, 4)]),
        ((5, 9), (8, 8), [(8, 8), (5, 9), (3, 5)]),
    ],
)
def test_depth_of_the_first_u_net_follows_the_input(size, input_size, levels):
    model = DoubleUNet(size, input_size=input_size, width=8).eval()
    shapes = []
    for block in (model.entry, *model.first.encoder):
        block.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[2:])))
    second = []
    for block in (*model.second.encoder, *model.second.decoder):
        block.register_forward_hook(lambda _, __, out: second.append(tuple(out.shape[2:])))
    model(torch.zeros(1, 3, *input_size))
    assert shapes == levels
    half = levels[-1]
    quarter = ((half[0] + 1) // 2, (half[1] + 1) // 2)
    assert second == [half, quarter, half, size]


@pytest.mark.parametrize(
    ("input_size", "widths"),
    [
        ((64, 64), [4, 8, 32, 32, 32]),
        ((32, 32), [4, 8, 32, 32]),
        ((16, 16), [4, 32, 32]),
        ((8, 8), [4, 32, 32]),
    ],
)
def test_only_the_levels_finer_than_the_tensor_are_narrow(input_size, widths):
    model = DoubleUNet(input_size=input_size, width=32)
    convolutions = [model.entry[0], *(block[1][0] for block in model.first.encoder)]
    assert [c.out_channels for c in convolutions] == widths


@pytest.mark.parametrize(
    ("side", "expected", "paper", "tolerance"),
    [(32, 0.121831424e9, 0.07e9, 0.8), (64, 0.206471168e9, 0.17e9, 0.25),
     (128, 0.545030144e9, 0.54e9, 0.05)],
)  # fmt: skip
def test_multiply_adds_are_those_of_the_docstring_and_near_the_paper(
    side, expected, paper, tolerance
):
    model = DoubleUNet(input_size=(side, side)).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.zeros(1, 3, side, side))
    cost = counter.get_total_flops() / 2
    assert cost == expected
    assert f"{cost / 1e9:.2f}" in DoubleUNet.__doc__
    assert abs(cost / paper - 1) < tolerance


@pytest.mark.parametrize(
    ("size", "input_size"), [((4, 4), (16, 16)), ((5, 3), (11, 18)), ((8, 8), (8, 8))]
)
def test_gradients_reach_every_parameter_and_training_lowers_the_loss(size, input_size):
    torch.manual_seed(0)
    model = DoubleUNet(size, input_size=input_size, width=16)
    losses = train(model, steps=12)
    # From the second step on: at first the last layer is zero, and lets nothing through.
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())
    assert losses[-1] < 0.8 * losses[0]


def test_forward_is_two_u_nets_with_added_skips():
    torch.manual_seed(0)
    model = DoubleUNet((6, 10), input_size=(24, 40), width=16).eval()
    torch.nn.init.normal_(model.offset.weight)
    view = torch.randn(2, 3, 24, 40)

    def block(layers, x):
        return F.relu(layers[1](F.conv2d(x, layers[0].weight, padding=1)))

    def up(x, size):
        return F.interpolate(x, size, mode="bilinear", align_corners=True)

    at_24 = block(model.entry, torch.cat([view, 2 * model.coordinates(view) - 1], 1))
    at_12 = block(model.first.encoder[0][1], F.max_pool2d(at_24, 2))
    at_6 = block(model.first.encoder[1][1], F.max_pool2d(at_12, 2))
    at_3 = block(model.first.encoder[2][1], F.max_pool2d(at_6, 2))
    joint = block(model.first.decoder[0], at_6 + up(at_3, (6, 10)))
    half = block(model.second.encoder[0][1], F.max_pool2d(joint, 2))
    quarter = block(model.second.encoder[1][1], F.adaptive_max_pool2d(half, (2, 3)))
    x = block(model.second.decoder[0], half + up(quarter, (3, 5)))
    x = block(model.second.decoder[1], joint + up(x, (6, 10)))
    expected = model.uniform(view) + F.conv2d(x, model.offset.weight, model.offset.bias)

    torch.testing.assert_close(model(view), expected)


def test_output_is_raw_in_both_modes():
    torch.manual_seed(0)
    model = DoubleUNet((4, 4), input_size=(16, 16), width=8)
    torch.nn.init.constant_(model.offset.bias, 0.25)
    uniform = ops.uniform_sampling_tensor((4, 4))
    for training in (True, False):
        phi = model.train(training)(torch.randn(2, 3, 16, 16))
        assert torch.equal(phi, uniform.expand(2, -1, -1, -1) + 0.25)


def test_position_is_visible_to_the_network():
    """On a constant image, padding alone tells little; the coordinates tell every point apart."""
    torch.manual_seed(0)
    model = DoubleUNet((16, 16), input_size=(64, 64), width=8).eval()
    torch.nn.init.normal_(model.offset.weight)
    seen = []
    model.entry.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model(torch.zeros(1, 3, 64, 64))
    ramp = torch.linspace(-1, 1, 64)
    assert not seen[0][0, :3].any()
    torch.testing.assert_close(seen[0][0, 3], ramp[:, None].expand(64, 64))
    torch.testing.assert_close(seen[0][0, 4], ramp[None, :].expand(64, 64))


def test_grids_are_no_weights_and_stay_exact_in_other_types():
    model = DoubleUNet((5, 6), input_size=(16, 16), width=8)
    trained = {name for name, _ in model.named_parameters()}
    statistics = {n for n, _ in model.named_buffers() if "running" in n or "num_batches" in n}
    assert set(model.state_dict()) == trained | statistics
    model.eval().bfloat16()
    phi = model(torch.zeros(1, 3, 16, 16, dtype=torch.bfloat16))
    assert phi.dtype == torch.float32
    assert torch.equal(phi, ops.uniform_sampling_tensor((5, 6)))


def test_materialised_from_meta_the_grids_are_right():
    with torch.device("meta"):
        model = DoubleUNet((5, 6), input_size=(16, 16), width=8)
    model.to_empty(device="cpu")
    assert torch.equal(model.uniform(torch.zeros(1)), ops.uniform_sampling_tensor((5, 6)))
    assert torch.equal(model.coordinates(torch.zeros(1)), ops.uniform_sampling_tensor((16, 16)))


def test_a_view_of_another_size_is_refused():
    model = DoubleUNet(input_size=(32, 48), width=8)
    with pytest.raises(ValueError, match=r"input_size=\(32, 48\); got shape \(1, 3, 48, 32\)"):
        model(torch.zeros(1, 3, 48, 32))
    with pytest.raises(ValueError, match=r"\(N, 3, 32, 48\).*got shape \(1, 4, 32, 48\)"):
        model(torch.zeros(1, 4, 32, 48))
    with pytest.raises(ValueError, match=r"got shape \(3, 32, 48\)"):
        model(torch.zeros(3, 32, 48))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (1, 8)}, r"size must be two integers, at least 2 each, got \(1, 8\)"),
        (
            {"input_size": (32, 7)},
            r"input_size must be two integers, .* got \(32, 7\)",
        ),
        ({"in_channels": 0}, "in_channels must be at least 1, got 0"),
        ({"width": 12}, "width must be a positive multiple of 8, got 12"),
        ({"width": 0}, "width must be a positive multiple of 8, got 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DoubleUNet(**arguments)
