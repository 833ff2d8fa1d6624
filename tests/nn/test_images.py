# SPDX-License-Identifier: Apache-2.0
"""Images of other units, layouts, types and devices than a model takes."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn

from adaseg_fast.nn import AdaptiveDownsampler, AdaptiveSegmenter, UNet, UniformDownsampler
from adaseg_fast.nn.images import LOOKS, check_image
from adaseg_fast.nn.images import check_device as check


def picture(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, shape, generator=generator, dtype=torch.uint8)


def test_floats_of_either_range_are_the_bytes() -> None:
    image = picture(1, 3, 20, 30)
    expected, _ = UniformDownsampler((8, 8))(image)
    unit = UniformDownsampler((8, 8), value_range=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(unit(image / 255)[0], expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(unit((image / 255).double())[0].float(), expected)
        assert torch.equal(unit(image)[0], expected), "bytes are taken as they are"
        torch.testing.assert_close(UniformDownsampler((8, 8))(image.float())[0], expected)


IMAGE = picture(1, 3, 20, 30)
MISFITS = {
    "0..1": (IMAGE / 255, 255.0, r"from 0 to 1, but values from 0 to 255 are assumed; .*=1.0"),
    "0..1 as integers": (IMAGE.long() // 128, 255.0, "but values from 0 to 255 are assumed"),
    "0..255 where 1 is full": (IMAGE.float(), 1.0, "from 0 to 1 are assumed; .*=255.0"),
    "normalised": ((IMAGE / 255 - 0.45) / 0.225, 255.0, "was normalised already"),
    "normalised, 1 is full": ((IMAGE / 255 - 0.45) / 0.225, 1.0, "was normalised already"),
    "16 bits": (IMAGE.int() * 257, 255.0, "use an image of 0 to 255"),
}


@pytest.mark.parametrize(("image", "value_range", "message"), MISFITS.values(), ids=MISFITS)
def test_values_that_do_not_fit_are_warned_of_once(
    image: Tensor, value_range: float, message: str
) -> None:
    model = UniformDownsampler((8, 8), value_range=value_range)
    with pytest.warns(UserWarning, match=message) as caught:
        for _ in range(3):
            model(image)
    assert len(caught) == 1


@pytest.mark.filterwarnings("error")
def test_values_that_fit_or_tell_nothing() -> None:
    for image in (torch.zeros(1, 3, 9, 9), torch.zeros(0, 3, 9, 9), IMAGE, IMAGE.float()):
        UniformDownsampler((4, 4))(image)
    own = UniformDownsampler((4, 4), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    own(IMAGE / 255)
    own((IMAGE / 255 - 0.45) / 0.225)


def test_looking_ends() -> None:
    model = UniformDownsampler((4, 4))
    for _ in range(LOOKS):
        model(IMAGE.float())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(IMAGE / 255)


@pytest.mark.parametrize(
    ("shape", "way_out"),
    [
        ((1, 720, 1280, 3), r"which is \(N, H, W, C\): give image\.permute\(0, 3, 1, 2\)"),
        ((20, 30, 3), r"which is \(H, W, C\): give image\.permute\(2, 0, 1\)\[None\]"),
        ((3, 20, 30), r"which has no batch dimension: give image\[None\]"),
    ],
)
def test_layouts_have_a_way_out(shape: tuple[int, ...], way_out: str) -> None:
    image = torch.zeros((), dtype=torch.uint8).expand(shape)
    model = AdaptiveSegmenter(UNet(3, width=4), UniformDownsampler((4, 4)))
    phi = UniformDownsampler((4, 4)).uniform(torch.zeros(1))
    for call in (model.predict, model, lambda image: model.sample(image, phi)):
        with pytest.raises(ValueError, match=way_out):
            call(image)


@pytest.mark.parametrize("dtype", [torch.bool, torch.complex64])
def test_types_without_a_unit(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match="image must be uint8 or floating point, got torch"):
        UniformDownsampler((4, 4))(torch.zeros(1, 3, 9, 9, dtype=dtype))


@pytest.mark.parametrize("device", ["mps", "xpu:1", "hpu"])
def test_devices_without_kernels(device: str) -> None:
    with pytest.raises(ValueError, match=rf'no kernels for the device {device}; .*to\("cpu"\)'):
        check(torch.device(device))
    for there in ("cpu", "cuda:1"):
        check(torch.device(there))


def test_images_on_a_device_without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with such a device: here none but the CPU is at hand."""
    monkeypatch.setattr("adaseg_fast.nn.images.KERNEL_DEVICES", ("cuda",))
    sampler = AdaptiveDownsampler(nn.Identity(), (4, 4), (4, 4))
    model = AdaptiveSegmenter(UNet(3, width=4), UniformDownsampler((4, 4)))
    for call in (model.predict, model, model.choose_points, sampler, sampler.view):
        with pytest.raises(ValueError, match="there are no kernels for the device cpu; move"):
            call(IMAGE)
    with pytest.raises(ValueError, match="no kernels for the device cpu"):
        check_image(IMAGE, 3)


def test_no_values_no_prediction() -> None:
    with torch.device("meta"):
        model = AdaptiveSegmenter(UNet(3, width=4), UniformDownsampler((4, 4))).eval()
    image = IMAGE.to("meta")
    for call in (model.predict, model.predict_scores):
        with pytest.raises(ValueError, match=r"image is on the device meta, .* no values"):
            call(image)
    assert model(image)[0].shape == (1, 3, 4, 4)
