# SPDX-License-Identifier: Apache-2.0
"""How far an adaptive model is below the upper bound that ideal sampling sets, and why.

Two measurements split the gap: one part is due to the points, which the auxiliary network chooses,
the other to the base network.
"""

from __future__ import annotations

from torch import Tensor

from adaseg_fast.data import Frame, SegmentationDataset
from adaseg_fast.engine.evaluation.ceiling import ceiling_of, ideal_points
from adaseg_fast.engine.evaluation.evaluate import Evaluation, check_classes
from adaseg_fast.engine.evaluation.measures import Labels, measure
from adaseg_fast.engine.evaluation.options import DEFAULT_OPTIONS, MeasureOptions
from adaseg_fast.engine.models.config import SegmenterConfig
from adaseg_fast.engine.models.frames import frame_tensors
from adaseg_fast.nn import AdaptiveSegmenter, prepare_for_inference
from adaseg_fast.nn.downsample import Downsampler
from adaseg_fast.nn.segmenter import downsampler_of


def shortfall(
    model: AdaptiveSegmenter,
    config: SegmenterConfig,
    frames: SegmentationDataset,
    options: MeasureOptions = DEFAULT_OPTIONS,
    *,
    name: str | None = None,
) -> tuple[Evaluation, Evaluation]:
    """Split the gap between an adaptive model and the `ceiling` of ideal sampling into two parts.

    Args:
        model: in evaluation mode, on the device that it is to compute on.
        config: the model's settings.
        frames: of the classes that the model was trained for.
        options: metrics, crop and threads.
        name: the name in tables; `SegmenterConfig.label` if None.

    Returns:
        Two evaluations. The first samples the truth at the model's own points. Its gap to the
        ceiling is due to the auxiliary network. The second gives the model samples at ideal points,
        of its own tensor size and lambda. Its gap to the ceiling is due to the base network.

    Raises:
        ValueError: the model samples uniformly, or was trained for other classes.
    """
    if config.sampler is None:
        raise ValueError("the model samples uniformly: there is no sampling tensor to judge")
    check_classes(config, frames.info)
    device = next(model.parameters()).device
    prepared = prepare_for_inference(model)
    downsampler = downsampler_of(prepared)
    ideal = ideal_points(frames.info, config.size, config.sampler.size, config.sampler.lam)
    given = _GivenPoints(config.size, downsampler.normalization)
    fed = AdaptiveSegmenter(prepared.segmenter, given)

    def label(_: int, frame: Frame) -> Labels:
        image, truth = frame_tensors(frame)
        given.phi = ideal(image, truth).to(device)
        labels: Labels = fed.predict(image[None].to(device))[0].cpu().numpy()
        return labels

    name = name or config.label
    own, better = f"{name}: truth at its points", f"{name}: at ideal points"
    measures = measure(frames, label, options, name=better)
    return (
        ceiling_of(downsampler, frames, options, name=own),
        Evaluation(better, "ideal", config.size, measures, config.network),
    )


class _GivenPoints(Downsampler):
    """Samples at the points that were put into ``phi``."""

    phi: Tensor

    def sampling_tensor(self, image: Tensor) -> Tensor:
        return self.phi
