# SPDX-License-Identifier: Apache-2.0
"""The kernels pass the harness on 64-bit ARM; needs a cross compiler and an emulator."""

from __future__ import annotations

import pytest

from audits import check_targets


def test_the_harness_on_arm() -> None:
    if missing := check_targets.missing_tools():
        pytest.skip(f"needs {' and '.join(missing)}")
    assert check_targets.main(["--grids", "20"]) == 0


def test_missing_tools_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_targets.shutil, "which", lambda tool: None)
    assert check_targets.main([]) == 2
    assert "g++-aarch64-linux-gnu and qemu-user" in capsys.readouterr().err
