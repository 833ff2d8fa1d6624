# SPDX-License-Identifier: Apache-2.0
"""Downsample, segment, interpolate back: the whole of Fig. 2 as one module."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from adaseg_fast import ops
from adaseg_fast.nn.blocks import in_dtype_of
from adaseg_fast.nn.compiling import compile_too, without_gradient
from adaseg_fast.nn.downsample import Downsampler
from adaseg_fast.nn.images import check_has_values


class AdaptiveSegmenter(nn.Module):
    """A segmentation network between a downsampler and the interpolation that undoes it.

    ``predict`` and ``predict_scores`` give labels and scores at full resolution. Their steps are
    methods too, for code that measures or replaces one of them: ``choose_points``, ``sample``,
    ``segment``, then ``label`` or ``interpolate``. The small image and the positions are float32;
    each network gets its input in the type of its own weights, so ``.half()`` and ``.double()``
    work. ``torch.autocast`` is the other way to half precision.

    ``torch.compile(model)`` compiles ``predict`` and ``predict_scores`` as well as ``forward``, and
    so does ``torch.compile(model.predict)``. ``model.compile()`` compiles ``forward``, which both
    call; what is left is one operation.

    Args:
        segmenter: Any module from images ``(N, C, h, w)`` to scores ``(N, K, h', w')``, of any
            output stride.
        downsampler: Module from images ``(N, C, H, W)`` to ``(small, phi)``, as
            :class:`~adaseg_fast.nn.AdaptiveDownsampler` and
            :class:`~adaseg_fast.nn.UniformDownsampler` are.

    Example:
        >>> import torch
        >>> from adaseg_fast.nn import UNet, UniformDownsampler
        >>> model = AdaptiveSegmenter(UNet(5, width=4), UniformDownsampler((16, 16))).eval()
        >>> model.predict(torch.zeros(1, 3, 60, 80, dtype=torch.uint8)).shape
        torch.Size([1, 60, 80])
    """

    def __init__(self, segmenter: nn.Module, downsampler: nn.Module) -> None:
        super().__init__()
        self.segmenter = segmenter
        self.downsampler = downsampler

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Segment the downsampled image; nothing is interpolated (as in training, sec. 4.1).

        Args:
            image: ``(N, C, H, W)``, uint8 or floating point, any strides.

        Returns:
            The scores ``(N, K, h', w')`` and the sampling tensor ``(N, 2, h, w)``.

        Raises:
            ValueError: ``image`` has another shape.
            TypeError: The segmenter returned something other than a tensor.
        """
        small, phi = self.downsampler(image)
        return self.segment(small), phi

    @without_gradient
    def predict(self, image: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Label every pixel, at the resolution of the image or at another (sec. 3.3).

        The module runs in the mode it is in: call ``.eval()`` before. In training mode batch
        normalisation uses and updates the statistics of the batch, and the sampling tensor need
        not cover the image; pixels outside it get label 255 (-1 in int32).

        Args:
            image: ``(N, C, H, W)``, uint8 or floating point, any aspect and strides.
            size: ``(H', W')`` of the label map, by default the image's ``(H, W)``.

        Returns:
            ``(N, H', W')`` uint8 labels (int32 above 256 classes).

        Raises:
            ValueError: ``image`` has another shape or is on a device without kernels, or ``size``
                is not two positive integers.
            TypeError: The segmenter returned something other than a tensor.
        """
        check_has_values(image)
        scores, phi = self(image)
        return self.label(scores, phi, _output_size(image, size))

    @without_gradient
    def predict_scores(self, image: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Score every pixel, at the resolution of the image or at another (sec. 3.3).

        ``predict`` gives the argmax of these scores in a fraction of the time and memory. The
        module runs in the mode it is in; pixels that the sampling tensor does not cover, which
        happens in training mode alone, get scores of 0.

        Args:
            image: ``(N, C, H, W)``, uint8 or floating point, any aspect and strides.
            size: ``(H', W')`` of the scores, by default the image's ``(H, W)``.

        Returns:
            ``(N, K, H', W')`` scores, of the type that the segmenter returns.

        Raises:
            ValueError: ``image`` has another shape or is on a device without kernels, or ``size``
                is not two positive integers.
            TypeError: The segmenter returned something other than a tensor.

        Example:
            >>> import torch
            >>> from adaseg_fast.nn import UNet, UniformDownsampler
            >>> model = AdaptiveSegmenter(UNet(5, width=4), UniformDownsampler((16, 16))).eval()
            >>> model.predict_scores(torch.zeros(1, 3, 60, 80, dtype=torch.uint8)).shape
            torch.Size([1, 5, 60, 80])
        """
        check_has_values(image)
        scores, phi = self(image)
        return self.interpolate(scores, phi, _output_size(image, size))

    def choose_points(self, image: Tensor) -> Tensor:
        """First step: choose where to sample.

        Args:
            image: ``(N, C, H, W)``, uint8 or floating point, any strides.

        Returns:
            The sampling tensor ``(N, 2, h, w)`` at the working size.

        Raises:
            ValueError: ``image`` has another shape.
            TypeError: The downsampler is not one of this package's, so its steps are unknown.
        """
        return downsampler_of(self).sampling_tensor(image)

    def sample(self, image: Tensor, phi: Tensor) -> Tensor:
        """Second step: sample the image at the points of ``phi`` and normalise it (eq. 1).

        Args:
            image: ``(N, C, H, W)``, uint8 or floating point, any strides.
            phi: ``(N, 2, h, w)``, relative (row, column).

        Returns:
            The small image ``(N, C, h, w)``, floating point.

        Raises:
            ValueError: ``image`` or ``phi`` has another shape.
            TypeError: The downsampler is not one of this package's, so its steps are unknown.
        """
        return downsampler_of(self).sample(image, phi)

    def segment(self, small: Tensor) -> Tensor:
        """Third step: run the base network.

        Args:
            small: ``(N, C, h, w)``, floating point, normalised.

        Returns:
            The scores ``(N, K, h', w')``.

        Raises:
            TypeError: The segmenter returned something other than a tensor.
        """
        scores = self.segmenter(in_dtype_of(self.segmenter, small))
        if not isinstance(scores, Tensor):
            raise TypeError(
                "segmenter must return a tensor of scores (N, K, h, w), "
                f"got {type(scores).__name__}"
            )
        return scores

    def label(self, scores: Tensor, phi: Tensor, size: Sequence[int]) -> Tensor:
        """Last step: label every pixel of an image of ``size``.

        Scores of another size than the sampling tensor's (a segmenter with an output stride) lie
        at the points of the tensor resized to them.

        Args:
            scores: ``(N, K, h', w')`` floating point.
            phi: ``(N, 2, h, w)`` that the image was sampled at.
            size: ``(H, W)`` of the label map.

        Returns:
            ``(N, H, W)`` uint8 labels (int32 above 256 classes).

        Raises:
            ValueError: A shape or size is wrong.
            TypeError: ``scores`` or ``phi`` is not floating point.
        """
        return ops.interpolate_argmax(scores, _points_of_scores(scores, phi), size)

    def interpolate(self, scores: Tensor, phi: Tensor, size: Sequence[int]) -> Tensor:
        """Last step where scores are wanted instead of labels; differentiable.

        Args:
            scores: ``(N, K, h', w')`` floating point.
            phi: ``(N, 2, h, w)`` that the image was sampled at.
            size: ``(H, W)`` of the result.

        Returns:
            ``(N, K, H, W)`` scores.

        Raises:
            ValueError: A shape or size is wrong.
            TypeError: ``scores`` or ``phi`` is not floating point.
        """
        return ops.interpolate(scores, _points_of_scores(scores, phi), size)


def downsampler_of(model: AdaptiveSegmenter) -> Downsampler:
    """The downsampler of a model, which must be one of this package's.

    Args:
        model: any model.

    Returns:
        Its downsampler.

    Raises:
        TypeError: The downsampler is of another class.

    Example:
        >>> from adaseg_fast.nn import UNet, UniformDownsampler
        >>> downsampler_of(AdaptiveSegmenter(UNet(2, width=8), UniformDownsampler((16, 16)))).size
        (16, 16)
    """
    if not isinstance(model.downsampler, Downsampler):
        raise TypeError(
            "the downsampler must be a UniformDownsampler or an AdaptiveDownsampler, "
            f"got {type(model.downsampler).__name__}"
        )
    return model.downsampler


def _points_of_scores(scores: Tensor, phi: Tensor) -> Tensor:
    """The sampling tensor at the size of the scores; ``phi`` itself where that is its own."""
    return ops.resize_sampling_tensor(phi, scores.shape[-2:])


def _output_size(image: Tensor, size: tuple[int, int] | None) -> Sequence[int]:
    return image.shape[-2:] if size is None else size


compile_too(AdaptiveSegmenter, "predict", "predict_scores")
