# SPDX-License-Identifier: Apache-2.0
"""What an operation returns is what ``specs`` says, in NumPy, in torch and on torch's fakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from adaseg_fast import backends, ops
from adaseg_fast.backends import specs
from support.arrays import Array

SIZE = (5, 7)


def phi(dtype: Any = np.float32) -> Array:
    return backends.uniform_sampling_tensor((3, 4), batch_size=2, dtype=dtype)


def scores(classes: int, dtype: Any = np.float32) -> Array:
    return np.zeros((2, classes, 3, 4), dtype)


def image(dtype: Any = np.uint8) -> Array:
    return np.zeros((2, 3, 5, 6), dtype)


MASK = np.zeros((2, 5, 6), np.int16)

# Operation, positional arguments, options, and the shape and type of each output.
CASES: list[tuple[str, tuple[Any, ...], dict[str, Any], list[tuple[tuple[int, ...], str]]]] = [
    ("resize_sampling_tensor", (phi(np.float16), SIZE), {}, [((2, 2, 5, 7), "float16")]),
    ("project_to_cover", (phi(np.float64),), {}, [((2, 2, 3, 4), "float64")]),
    ("sample", (image(), phi()), {}, [((2, 3, 3, 4), "uint8")]),
    ("sample", (image(), phi(np.float64)), {"std": [1, 2, 3]}, [((2, 3, 3, 4), "float32")]),
    ("sample", (image(np.int64), phi()), {"mean": [1, 2, 3]}, [((2, 3, 3, 4), "float32")]),
    ("sample", (image(np.float16), phi()), {"mean": [1, 2, 3]}, [((2, 3, 3, 4), "float32")]),
    ("sample", (image(np.float64), phi()), {"mean": [1, 2, 3]}, [((2, 3, 3, 4), "float64")]),
    ("triangles", (phi(), SIZE), {"diagonal": "anti"}, [((2, 12, 3), "int64")]),
    ("rasterize", (phi(), SIZE), {}, [((2, 5, 7), "int32"), ((2, 3, 5, 7), "float32")]),
    (
        "rasterize",
        (phi(np.float64), SIZE),
        {},
        [((2, 5, 7), "int32"), ((2, 3, 5, 7), "float64")],
    ),
    ("interpolate", (scores(2, np.float16), phi(), SIZE), {}, [((2, 2, 5, 7), "float16")]),
    ("interpolate", (scores(0, np.float64), phi(), SIZE), {}, [((2, 0, 5, 7), "float64")]),
    ("interpolate_argmax", (scores(256), phi(), SIZE), {}, [((2, 5, 7), "uint8")]),
    ("interpolate_argmax", (scores(257), phi(), SIZE), {}, [((2, 5, 7), "int32")]),
    ("boundary_mask", (MASK,), {"classes": [1]}, [((2, 5, 6), "bool")]),
    ("nearest_boundary", (MASK, (3, 2)), {"classes": [1]}, [((2, 2, 3, 2), "float32")]),
    ("solve_sampling", (phi(np.float64), 0.5), {}, [((2, 2, 3, 4), "float64")]),
]
every_case = pytest.mark.parametrize(
    ("name", "arguments", "options", "expected"),
    [pytest.param(*case, id=f"{case[0]}-{number}") for number, case in enumerate(CASES)],
)


def described(results: Any) -> list[tuple[tuple[int, ...], str]]:
    results = results if isinstance(results, tuple) else (results,)
    return [(tuple(x.shape), str(x.dtype).removeprefix("torch.")) for x in results]


@every_case
def test_numpy(name: str, arguments: Any, options: Any, expected: Any) -> None:
    assert described(getattr(backends, name)(*arguments, **options)) == expected


@every_case
@pytest.mark.parametrize("fake", [False, True], ids=["tensors", "fakes"])
def test_torch(name: str, arguments: Any, options: Any, expected: Any, fake: bool) -> None:
    tensors = [torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in arguments]
    if not fake:
        assert described(getattr(ops, name)(*tensors, **options)) == expected
        return
    with FakeTensorMode() as mode:
        fakes = [mode.from_tensor(x) if isinstance(x, torch.Tensor) else x for x in tensors]
        assert described(getattr(ops, name)(*fakes, **options)) == expected


def test_every_operation_has_a_spec() -> None:
    names = {case[0] for case in CASES} | {"uniform_sampling_tensor", "sampling_energy"}
    assert names == set(ops.__all__)
    assert names <= set(backends.__all__) and all(callable(getattr(specs, x)) for x in names)


@pytest.mark.parametrize("name", [*sorted({case[0] for case in CASES}), "sampling_energy"])
def test_errors_name_the_operation(name: str) -> None:
    """On both faces, from the one place that checks."""
    first = np.zeros((1, 1), np.float32)
    others: dict[str, tuple[Any, ...]] = {
        "sample": (phi(),),
        "interpolate": (phi(), SIZE),
        "interpolate_argmax": (phi(), SIZE),
        "sampling_energy": (phi(),),
        "project_to_cover": (),
        "boundary_mask": (),
        "solve_sampling": (),
    }
    arguments = (first, *others.get(name, (SIZE,)))
    with pytest.raises(ValueError, match=rf"^{name}: \w+ must be .*, got \(1, 1\)"):
        getattr(backends, name)(*arguments)
    tensors = [torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in arguments]
    with pytest.raises(ValueError, match=rf"^{name}: \w+ must be .*, got \(1, 1\)"):
        getattr(ops, name)(*tensors)
