# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from adaseg_fast.nn import UNet

PAPER_PER_PIXEL = 303.95e3  # Table 2: 4.98 G multiply-adds at 128 x 128, 22 classes


def multiply_adds(model: torch.nn.Module, *inputs: torch.Tensor) -> float:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(*inputs)
    return counter.get_total_flops() / 2


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 40), (2, 3), (16, 16), (17, 31), (33, 15), (64, 48), (65, 20)]
)
def test_scores_have_the_size_of_the_image(size):
    model = UNet(5, in_channels=2, width=8).eval()
    assert model(torch.randn(3, 2, *size)).shape == (3, 5, *size)


def test_training_mode_on_an_odd_size():
    assert UNet(4, width=8)(torch.randn(2, 3, 19, 26)).shape == (2, 4, 19, 26)


def test_multiply_adds_are_those_of_the_docstring_and_near_the_paper():
    per_pixel = multiply_adds(UNet(22).eval(), torch.zeros(1, 3, 64, 64)) / 64**2
    assert per_pixel == 312_640
    assert "312.64 k" in UNet.__doc__
    assert abs(per_pixel / PAPER_PER_PIXEL - 1) < 0.05


def test_levels_have_the_widths_of_the_docstring():
    model = UNet(3, width=16)
    assert [block[0].out_channels for block in model.encoder] == [4, 8, 16, 16, 16]
    assert [block[0].out_channels for block in model.decoder] == [16, 16, 8, 4]
    assert [block[0].in_channels for block in model.decoder] == [32, 32, 16, 8]


def test_forward_is_the_u_net_written_out():
    torch.manual_seed(0)
    model = UNet(3, width=8).eval()
    image = torch.randn(2, 3, 21, 34)

    skips, x = [], image
    for level in range(5):
        if level:
            # Rounding up pads with what never wins, then pools.
            pad = (0, x.shape[3] % 2, 0, x.shape[2] % 2)
            x = F.max_pool2d(F.pad(x, pad, value=-torch.inf), 2)
        conv, norm, _ = model.encoder[level]
        x = F.relu(norm(F.conv2d(x, conv.weight, padding=1)))
        skips.append(x)
    assert [tuple(s.shape[2:]) for s in skips] == [(21, 34), (11, 17), (6, 9), (3, 5), (2, 3)]
    for step, level in enumerate((3, 2, 1, 0)):
        up, (conv, norm, _) = model.up[step].project, model.decoder[step]
        x = F.conv_transpose2d(x, up.weight, stride=2)
        x = x[:, :, : skips[level].shape[2], : skips[level].shape[3]]
        x = F.relu(norm(F.conv2d(torch.cat([skips[level], x], 1), conv.weight, padding=1)))
    expected = F.conv2d(x, model.classify.weight, model.classify.bias)

    torch.testing.assert_close(model(image), expected)


def test_gradients_reach_every_parameter_and_training_lowers_the_loss():
    torch.manual_seed(0)
    model = UNet(3, width=8)
    image, labels = torch.randn(2, 3, 32, 32), torch.randint(3, (2, 32, 32))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(image), labels)
        loss.backward()
        assert all(p.grad is not None and p.grad.any() for p in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.97 * losses[0]


@pytest.mark.parametrize("width", [0, 2, 6, -4])
def test_width_must_be_a_multiple_of_4(width):
    with pytest.raises(ValueError, match=f"width must be a positive multiple of 4, got {width}"):
        UNet(3, width=width)


def test_counts_must_be_positive():
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        UNet(0)
    with pytest.raises(ValueError, match="in_channels must be at least 1, got 0"):
        UNet(3, in_channels=0)
