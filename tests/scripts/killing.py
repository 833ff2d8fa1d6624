# SPDX-License-Identifier: Apache-2.0
"""Work in a forked child that is killed in the middle.

The parent must not have run torch on several threads before: these threads do not survive a fork.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable


def killed(work: Callable[[int], object], steps: int, seconds: float) -> tuple[int, bool]:
    """Run ``work`` in a child and kill it some time after a step.

    Args:
        work: writes one byte to the file descriptor that it gets after each of its steps.
        steps: the number of steps to wait for.
        seconds: how long to wait after the last of these steps.

    Returns:
        The number of steps that ``work`` finished, and whether it was killed: false if it ended
        before.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run_and_exit(work, writing)
    os.close(writing)
    told = 0
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while told < steps and pipe.read(1):
            told += 1
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        told += len(pipe.read())
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit("the child failed")
    return told, os.WIFSIGNALED(status)


def _run_and_exit(work: Callable[[int], object], pipe: int) -> None:
    try:
        work(pipe)
        os._exit(0)
    except BaseException as error:
        os.write(2, repr(error).encode())
        os._exit(1)
