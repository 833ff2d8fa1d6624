# SPDX-License-Identifier: Apache-2.0
"""``_native.pyi`` names what the compiled module has, arguments and their order included."""

from __future__ import annotations

import importlib.util

import pytest

from support.stub import STUB, attributes, compiled_functions, functions

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("adaseg_fast._native") is None,
    reason="the native module is not built",
)


def test_functions_of_the_native_module() -> None:
    from adaseg_fast import _native

    assert functions(STUB.body) == compiled_functions(_native)


def test_attributes_of_the_native_module() -> None:
    from adaseg_fast import _native

    found = {name for name, value in vars(_native).items() if not callable(value)}
    found = {name for name in found if not name.startswith("__")} | {"__version__", "cuda"}
    assert attributes(STUB.body) == found


def test_every_function_is_documented() -> None:
    from adaseg_fast import _native

    for name in functions(STUB.body):
        _, _, text = getattr(_native, name).__doc__.partition("\n\n")
        assert text.strip(), name


def test_element_types_have_their_own_numbers() -> None:
    from adaseg_fast import _native

    assert sorted(_native.dtypes.values()) == list(range(len(_native.dtypes)))
    assert {"uint8", "bool", "int64", "float16", "bfloat16", "float64"} <= set(_native.dtypes)
