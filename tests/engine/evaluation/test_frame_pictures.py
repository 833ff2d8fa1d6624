# SPDX-License-Identifier: Apache-2.0
"""Pictures of single frames show what they say."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from adaseg_fast import ops
from adaseg_fast.data.readers.synthetic import SyntheticScenes
from adaseg_fast.engine.evaluation import frame_pictures as module
from adaseg_fast.engine.evaluation.ceiling import ideal_tensor
from adaseg_fast.engine.evaluation.frame_pictures import (
    examples,
    predicted_tensor,
    sampling_by_lambda,
    tensor_and_resized,
)
from adaseg_fast.engine.models.files import load_segmenter
from adaseg_fast.engine.models.frames import frame_tensors

SCENES = SyntheticScenes(2, size=(64, 96), split="val")
INFO = SCENES.info


def decode(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture[..., ::-1]


def share(picture: np.ndarray, color: tuple[int, int, int], tolerance: int = 40) -> float:
    return float((np.abs(picture.astype(int) - color).max(-1) <= tolerance).mean())


def test_examples_of_several_frames(models: dict[str, Path]) -> None:
    loaded = [load_segmenter(models[name]) for name in ("uniform", "adaptive")]
    one = decode(examples(SCENES, [1], *loaded, crop="none", quiet=True))
    both = decode(examples(SCENES, [0, 1], *loaded, crop="none", quiet=True))
    square = decode(examples(SCENES, [1], *loaded, quiet=True))
    assert one.shape[1] == both.shape[1] and both.shape[0] > 1.6 * one.shape[0]
    assert square.shape[0] > 1.2 * one.shape[0]
    sky = INFO.colors[INFO.classes.index("sky")]
    assert share(one, sky, 3) > 0.02, "the truth is painted in the colours of its classes"


def test_numbers_of_frames_that_are_not_there(models: dict[str, Path]) -> None:
    loaded = [load_segmenter(models[name]) for name in ("uniform", "adaptive")]
    for wrong in ([2], [-1], []):
        with pytest.raises(ValueError, match="numbered from 0 to 1"):
            examples(SCENES, wrong, *loaded, quiet=True)


def test_small_lambda_leaves_the_sky_and_large_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    real = module.boundaries_and_points

    def seen(image: np.ndarray, mask: np.ndarray, phi: np.ndarray) -> np.ndarray:
        drawn.append((mask, phi))
        return real(image, mask, phi)

    monkeypatch.setattr(module, "boundaries_and_points", seen)
    scene = SyntheticScenes(1, size=(128, 128), split="val")[0]
    picture = decode(sampling_by_lambda(scene, INFO, [1e-3, 1e3], (9, 9)))
    assert share(picture, (255, 64, 32)) > 0.001 and picture.shape[1] > 1.7 * picture.shape[0]
    truth = frame_tensors(scene)[1][None]
    nearest = ops.nearest_boundary(truth, (9, 9), classes=INFO.targets)[0]
    uniform = ops.uniform_sampling_tensor((9, 9))[0]
    (mask, near), (_, flat) = drawn
    inner = np.s_[:, 1:-1, 1:-1]
    assert np.allclose(near[inner], nearest.numpy()[inner], atol=0.01)
    assert np.allclose(flat, uniform.numpy(), atol=0.03)
    boundary = ops.boundary_mask(truth, classes=INFO.targets)[0].numpy()
    assert np.array_equal(mask[2::5, 2::5], boundary)
    with pytest.raises(ValueError, match="at least 0"):
        sampling_by_lambda(scene, INFO, [-1.0], (9, 9))
    with pytest.raises(ValueError, match="one or more"):
        sampling_by_lambda(scene, INFO, [], (9, 9))


def test_thin_boundaries_survive_shrinking() -> None:
    big = SyntheticScenes(1, size=(1280, 1280), split="val")[0]
    white = decode(sampling_by_lambda(big, INFO, [1.0], (4, 4)))
    assert share(white[40:-10], (255, 255, 255), 5) > 0.005


def test_tensor_and_what_it_is_resized_to(models: dict[str, Path]) -> None:
    frame = SCENES[0]
    adaptive = load_segmenter(models["adaptive"])[0]
    image, truth = frame_tensors(frame)
    coarse = predicted_tensor(frame, adaptive)
    assert torch.equal(coarse, adaptive.downsampler.coarse_tensor(image[None])[0])
    for tensor in (coarse, ideal_tensor(truth, INFO, (4, 4), 1.0)[0]):
        picture = decode(tensor_and_resized(frame, tensor, (12, 12)))
        assert share(picture, (255, 0, 0)) > 0.001
        assert share(picture, (31, 119, 180)) > 0.002
    with pytest.raises(ValueError, match="samples uniformly"):
        predicted_tensor(frame, load_segmenter(models["uniform"])[0])
