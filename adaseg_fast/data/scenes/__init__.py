# SPDX-License-Identifier: Apache-2.0
"""All that draws the synthetic street scenes.

``street`` describes the world in metres, ``plan`` decides what stands where, ``canvas`` draws
colours and labels with the same strokes; the other modules each draw one kind of thing.
"""
