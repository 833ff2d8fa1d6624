# SPDX-License-Identifier: Apache-2.0
"""The error where there are no CUDA kernels, and the switch for debugging."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import torch

import adaseg_fast
from adaseg_fast.backends import cuda, select
from adaseg_fast.ops import _cuda


def test_a_build_without_cuda_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adaseg_fast._native", ModuleType("_native"))
    cuda.native_module.cache_clear()
    try:
        with pytest.raises(RuntimeError, match=r"no CUDA kernels.*ADASEG_CUDA=ON pip install \."):
            cuda.native_module()
    finally:
        cuda.native_module.cache_clear()


def test_debugging_is_off_until_it_is_asked_for() -> None:
    assert select.get_debug() is False
    adaseg_fast.set_debug(True)
    assert select.get_debug() is True
    adaseg_fast.set_debug(False)
    assert select.get_debug() is False


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_debugging_refuses(bad: float) -> None:
    _cuda.check_finite(torch.zeros(1, 2, 3, 3))
    with pytest.raises(ValueError, match="phi holds NaN or infinity"):
        _cuda.check_finite(torch.full((1, 2, 3, 3), bad))


def test_threads_at_different_barriers_are_noticed(host_module: Any) -> None:
    with pytest.raises(RuntimeError, match="wait for different barriers"):
        host_module.diverge()
