# SPDX-License-Identifier: Apache-2.0
"""``_native.pyi`` names what the module of the CUDA kernels has, here compiled for the host."""

from __future__ import annotations

from types import ModuleType

from support.stub import CUDA_STUB, attributes, compiled_functions, functions

ONLY_IN_TESTS = {"diverge", "run_backwards"}  # of host_module.cpp


def test_functions_and_attributes(host_module: ModuleType) -> None:
    compiled = compiled_functions(host_module)
    expected = functions(CUDA_STUB.body)
    assert compiled.keys() - ONLY_IN_TESTS == expected.keys()
    assert {name: compiled[name] for name in expected} == expected
    assert all(hasattr(host_module, name) for name in attributes(CUDA_STUB.body))
