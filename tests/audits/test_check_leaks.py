# SPDX-License-Identifier: Apache-2.0
"""A short run of ``check_leaks``, and that it finds a leak."""

from __future__ import annotations

import pytest

from adaseg_fast import ops
from audits import check_leaks

pytestmark = pytest.mark.skipif(
    not check_leaks.STATM.exists(), reason="this system does not tell how much memory is held"
)


def test_memory_stays_flat(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_leaks.main(["--calls", "200", "--predictions", "12"]) == 0
    printed = capsys.readouterr().out
    assert "LEAKS" not in printed
    assert len(printed.splitlines()) == len(check_leaks.calls()) + 1


def test_every_operation_is_called() -> None:
    names = check_leaks.calls().keys()
    assert set(ops.__all__) <= names
    assert {f"backward of {name}" for name in ("sample", "interpolate", "solve_sampling")} <= names


def test_a_leak_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept: list[bytes] = []
    leaky = {"leaky": lambda: kept.append(b"\1" * 2**16), "sound": lambda: bytes(2**16)}
    monkeypatch.setattr(check_leaks, "calls", lambda: leaky)
    assert check_leaks.main(["--calls", "300", "--predictions", "1"]) == 1
    leaking = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "LEAKS" in line]
    assert leaking == ["leaky"]
