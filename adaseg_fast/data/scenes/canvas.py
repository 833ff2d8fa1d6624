# SPDX-License-Identifier: Apache-2.0
"""The canvas of a synthetic scene: the same strokes draw colours and labels.

Every shape is drawn into two rasters at once: ``image`` (antialiased) and ``segments``, which holds
the number of the thing that each pixel shows. Labels and instances are looked up from ``segments``
at the end, so they cannot disagree. Points are (column, row) in pixels; the centre of the first
pixel is (0, 0).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Color = tuple[float, float, float]

_SUBPIXEL_BITS = 4
_NEUTRAL = 128  # this value in the shade map leaves a colour as it is


class Kind(IntEnum):
    """The classes of a scene; the value is the class number."""

    SKY = 0
    BUILDING = 1
    ROAD = 2
    PAVEMENT = 3
    VEGETATION = 4
    FENCE = 5
    POLE = 6
    SIGN = 7
    CAR = 8
    PEDESTRIAN = 9
    BICYCLIST = 10


def tint(color: Color, factor: float) -> Color:
    """Make ``color`` darker (below 1) or brighter (above 1; it saturates when it is drawn)."""
    return color[0] * factor, color[1] * factor, color[2] * factor


def blend(first: Color, second: Color, amount: float) -> Color:
    """Mix two colours linearly: ``first`` at 0, ``second`` at 1."""
    keep = 1.0 - amount
    return (
        keep * first[0] + amount * second[0],
        keep * first[1] + amount * second[1],
        keep * first[2] + amount * second[2],
    )


def circle(corners: int) -> Points:
    """Return the unit circle as a polygon, (corners, 2), counter-clockwise from (1, 0)."""
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(turn), np.sin(turn)], -1)


class Part(NamedTuple):
    """One polygon of a drawing: corners ``start .. stop - 1`` of the drawing's points.

    Attributes:
        start: first corner.
        stop: one past the last corner.
        role: number of its colour in the palette.
        tone: factor of that colour.
        solid: whether it belongs to the outline of the thing, or is only drawn on top of it.
    """

    start: int
    stop: int
    role: int
    tone: float = 1.0
    solid: bool = True


class Canvas:
    """Image and segment map of one scene; every pixel starts as sky.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        segments: (H, W) uint16, numbers that `segment` returned.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.image: NDArray[np.uint8] = np.zeros((*size, 3), np.uint8)
        self.segments: NDArray[np.uint16] = np.zeros(size, np.uint16)
        self._shade: NDArray[np.uint8] = np.full(size, _NEUTRAL, np.uint8)
        self._kinds: list[int] = [Kind.SKY]
        self._instances: list[int] = [0]
        self._countable = 0

    def segment(self, kind: Kind, *, countable: bool = False) -> int:
        """Return a new number to draw with; a countable thing becomes the next instance."""
        self._countable += countable
        self._kinds.append(kind)
        self._instances.append(self._countable if countable else 0)
        return len(self._kinds) - 1

    def fill(self, points: Points, color: Color, segment: int | None = None) -> None:
        """Fill the polygon ``points`` (k, 2); without ``segment`` only the colour changes."""
        self.fill_all([points], color, segment)

    def fill_all(
        self, polygons: Sequence[Points] | Points, color: Color, segment: int | None = None
    ) -> None:
        """Fill n polygons of (k, 2) that do not overlap one another, in one colour."""
        if len(polygons) == 0:
            return
        if isinstance(polygons, np.ndarray):
            corners = list(_fixed(polygons))
        else:
            corners = [_fixed(points) for points in polygons]
        cv2.fillPoly(self.image, corners, color, cv2.LINE_AA, _SUBPIXEL_BITS)
        if segment is not None:
            cv2.fillPoly(self.segments, corners, (segment,), cv2.LINE_8, _SUBPIXEL_BITS)

    def draw(
        self, points: Points, parts: Iterable[Part], palette: Sequence[Color], segment: int
    ) -> None:
        """Fill ``parts`` of ``points`` (n, 2) one after the other."""
        corners = _fixed(points)
        for start, stop, role, tone, solid in parts:
            polygon, color = [corners[start:stop]], tint(palette[role], tone)
            cv2.fillPoly(self.image, polygon, color, cv2.LINE_AA, _SUBPIXEL_BITS)
            if solid:
                cv2.fillPoly(self.segments, polygon, (segment,), cv2.LINE_8, _SUBPIXEL_BITS)

    def stroke(
        self,
        points: Points,
        width: float,
        color: Color,
        segment: int | None = None,
        *,
        closed: bool = False,
    ) -> None:
        """Draw a line through ``points`` (k, 2); it is ``width`` pixels wide, at least one."""
        path, pixels = [_fixed(points)], max(1, round(width))
        cv2.polylines(self.image, path, closed, color, pixels, cv2.LINE_AA, _SUBPIXEL_BITS)
        if segment is not None:
            cv2.polylines(
                self.segments, path, closed, (segment,), pixels, cv2.LINE_8, _SUBPIXEL_BITS
            )

    def stamp(
        self,
        cover: NDArray[np.uint8],
        shade: NDArray[np.uint8],
        corners: Points,
        color: Color,
        segment: int,
    ) -> None:
        """Paste a picture of one hue, such as the crown of a tree.

        Args:
            cover: (a, b) uint8, the picture is opaque where this exceeds 127.
            shade: (a, b) uint8, brightness of ``color``; 128 leaves it as it is.
            corners: (3, 2), where the upper left, upper right and lower left corners go.
            color: hue of the picture.
            segment: number to draw with.
        """
        last = corners[1] + corners[2] - corners[0]
        box = self._box(np.vstack([corners, last[None]]))
        if box is None:
            return
        rows, columns = box
        height, width = cover.shape
        source = np.array([[0, 0], [width, 0], [0, height]], np.float32)
        shift = np.array([columns.start, rows.start])
        to_source = cv2.getAffineTransform((corners - shift).astype(np.float32), source)
        extent = (columns.stop - columns.start, rows.stop - rows.start)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        opaque = cv2.warpAffine(cover, to_source, extent, flags=flags)
        opaque = cv2.threshold(opaque, 127, 255, cv2.THRESH_BINARY)[1]
        light = cv2.warpAffine(shade, to_source, extent, flags=flags)
        ramp = np.arange(256)[:, None] * np.array(color) / _NEUTRAL
        palette = np.minimum(ramp, 255).astype(np.uint8)[None]
        colored = cv2.LUT(cv2.cvtColor(light, cv2.COLOR_GRAY2RGB), palette)
        cv2.copyTo(colored, opaque, self.image[rows, columns])
        self.segments[rows, columns][opaque > 0] = segment

    def texture(
        self,
        segments: tuple[int, int],
        corners: Points,
        texels: Points,
        tile: NDArray[np.uint8],
        darkness: NDArray[np.uint8] | None = None,
    ) -> None:
        """Lay ``tile`` in perspective over the visible part of a plane.

        Only the shade map is written; `shaded` applies it. It is called after everything is drawn,
        so that nothing in front of the plane changes.

        Args:
            segments: first and last segment number of the plane.
            corners: (4, 2), corners of a part of the plane, in pixels.
            texels: (4, 2), the same corners in ``tile`` as (column, row).
            tile: (a, b) uint8, 128 leaves the colour as it is, as do places beyond its borders.
            darkness: (H, W) uint8, brightness to multiply with (255 keeps), for cast shadows.
        """
        box = self._box(corners)
        if box is None:
            return
        rows, columns = box
        visible = cv2.inRange(self.segments[rows, columns], *segments)
        left, top, width, height = cv2.boundingRect(visible)
        if width == 0:
            return
        visible = visible[top : top + height, left : left + width]
        left, top = left + columns.start, top + rows.start
        place = slice(top, top + height), slice(left, left + width)
        shift = np.array([[1.0, 0.0, left], [0.0, 1.0, top], [0.0, 0.0, 1.0]])
        to_tile = cv2.getPerspectiveTransform(corners.astype(np.float32), texels.astype(np.float32))
        patch = cv2.warpPerspective(
            tile,
            to_tile @ shift,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(_NEUTRAL,),
        )
        if darkness is not None:
            patch = cv2.multiply(patch, darkness[place], scale=1 / 255)
        cv2.copyTo(patch, visible, self._shade[place])

    def shaded(self, light: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the image with textures, shadows and ``light`` (H, W; 255 is neutral)."""
        shade = cv2.multiply(self._shade, light, scale=1 / 255)
        shade = cv2.cvtColor(shade, cv2.COLOR_GRAY2RGB)
        return np.asarray(cv2.multiply(self.image, shade, scale=1 / _NEUTRAL), np.uint8)

    def truth(self) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Return labels (H, W) uint8 and instance numbers (H, W) int32 of what is visible."""
        # Every number is in the tables, so "clip" changes nothing; it is faster than a check.
        labels = np.take(np.array(self._kinds, np.uint8), self.segments, mode="clip")
        instances = np.take(np.array(self._instances, np.int32), self.segments, mode="clip")
        return labels, instances

    def _box(self, points: Points) -> tuple[slice, slice] | None:
        """Return rows and columns of the image that the bounding box of ``points`` touches."""
        height, width = self.segments.shape
        left, top = np.floor(points.min(0)).astype(int)
        right, bottom = np.ceil(points.max(0)).astype(int) + 1
        rows = slice(max(0, int(top)), min(height, int(bottom)))
        columns = slice(max(0, int(left)), min(width, int(right)))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        return rows, columns


def _fixed(points: Points) -> NDArray[np.int32]:
    """Convert pixels to the fixed point that the rasteriser takes."""
    return np.rint(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)
