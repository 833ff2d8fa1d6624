# SPDX-License-Identifier: Apache-2.0
"""Which backend serves, and how to choose another."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import adaseg_fast
from adaseg_fast import backends
from adaseg_fast.backends import select
from support.grids import uniform

# A process in which the compiled kernels cannot be loaded.
WITHOUT_NATIVE = """
import sys
sys.modules["adaseg_fast._native"] = None
import numpy as np
import adaseg_fast
from adaseg_fast import backends
assert "native" not in adaseg_fast.available_backends(), adaseg_fast.available_backends()
"""


@pytest.fixture(autouse=True)
def choice_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "_chosen", select._chosen)


@pytest.fixture
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a fresh process."""
    monkeypatch.setattr(select, "_chosen", None)


@pytest.fixture
def native_hidden(monkeypatch: pytest.MonkeyPatch, nothing_chosen: None) -> None:
    monkeypatch.setitem(sys.modules, "adaseg_fast._native", None)
    monkeypatch.delitem(sys.modules, "adaseg_fast.backends.native", raising=False)


def test_reference_is_always_there() -> None:
    assert backends.available_backends()[-1] == "reference"
    assert set(backends.available_backends()) <= set(select.BACKENDS)


def test_the_fastest_is_the_default(nothing_chosen: None) -> None:
    if "native" not in backends.available_backends():
        pytest.skip("the native module is not built")
    assert backends.available_backends()[0] == backends.get_backend() == "native"


@pytest.mark.parametrize("name", backends.available_backends())
def test_choosing(name: str) -> None:
    adaseg_fast.set_backend(name)
    assert adaseg_fast.get_backend() == name
    assert backends.kernels().__name__ == f"adaseg_fast.backends.{name}"


def test_choosing_for_a_while() -> None:
    before = adaseg_fast.get_backend()
    with adaseg_fast.use_backend("reference"):
        assert adaseg_fast.get_backend() == "reference"
        with adaseg_fast.use_backend(before):
            assert adaseg_fast.get_backend() == before
        assert adaseg_fast.get_backend() == "reference"
    assert adaseg_fast.get_backend() == before


def test_an_error_ends_the_choice() -> None:
    before = adaseg_fast.get_backend()
    with pytest.raises(KeyError), adaseg_fast.use_backend("reference"):
        raise KeyError
    assert adaseg_fast.get_backend() == before


@pytest.mark.parametrize("name", ["cuda", "", "Native", "sys"])
def test_unknown_backend(name: str) -> None:
    before = adaseg_fast.get_backend()
    with pytest.raises(ValueError, match=f"backend must be one of native, .*, got {name!r}"):
        adaseg_fast.set_backend(name)
    with (
        pytest.raises(ValueError, match="backend must be one of native"),
        adaseg_fast.use_backend(name),
    ):
        pytest.fail("an unknown backend was let in")
    assert adaseg_fast.get_backend() == before


@pytest.mark.parametrize("name", backends.available_backends())
def test_the_choice_serves(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Called(Exception):
        pass

    def sample(*args: object) -> None:
        raise Called

    adaseg_fast.set_backend(name)
    monkeypatch.setattr(backends.kernels(), "sample", sample)
    with pytest.raises(Called):
        backends.sample(np.zeros((1, 1, 2, 2)), uniform(2, 2)[None])


def test_without_native_a_warning_says_what_serves(native_hidden: None) -> None:
    names = backends.available_backends()
    assert "native" not in names
    with pytest.warns(RuntimeWarning, match=f"without its compiled kernels.*{names[0]!r}"):
        assert backends.get_backend() == names[0]
    assert backends.get_backend() == names[0]  # said once


def test_without_native_asking_for_it_is_an_error(native_hidden: None) -> None:
    with pytest.raises(ImportError):
        backends.set_backend("native")


def run_without_native(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_NATIVE + code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


def test_without_native_the_operations_work(tmp_path: Path) -> None:
    done = run_without_native(
        "phi = np.array([[[[0.0, 0], [1, 1]], [[0, 1], [0, 1]]]])\n"
        "print(backends.interpolate(np.array([[[[0.0, 0], [0, 4]]]]), phi, (3, 3)).tolist())\n",
        tmp_path,
    )
    assert done.stdout.strip() == str([[[[0.0, 0.0, 0.0], [0.0, 2.0, 2.0], [0.0, 2.0, 4.0]]]])
    assert done.stderr.count("RuntimeWarning") == 1


def test_a_backend_that_was_chosen_needs_no_warning(tmp_path: Path) -> None:
    done = run_without_native("adaseg_fast.set_backend('reference'); backends.kernels()", tmp_path)
    assert "RuntimeWarning" not in done.stderr


def test_default_threads() -> None:
    assert 1 <= select.default_threads() <= 4096


def test_build_info_tells_what_serves() -> None:
    with backends.use_backend("reference"):
        info = adaseg_fast.build_info()
    assert info.keys() == {"backend", "cuda"}
    assert info["backend"] == "reference"
    assert info["cuda"] is False or re.fullmatch(r"\d+\.\d+: [\w -]+", info["cuda"])
    if "native" in backends.available_backends():
        with backends.use_backend("native"):
            info = adaseg_fast.build_info()
        assert info["backend"] == "native"
        assert info["version"] == adaseg_fast.__version__
        assert info["cpu_target"] in info["cpu_targets"]
        assert info["cpu_targets"][-1] in ("baseline", "neon")
