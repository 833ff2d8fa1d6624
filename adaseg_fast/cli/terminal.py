# SPDX-License-Identifier: Apache-2.0
"""What is printed may be lost; the work that a command does must not be lost with it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, ParamSpec

P = ParamSpec("P")


def survives_lost_output(command: Callable[P, int]) -> Callable[P, int]:
    """Let a command run to its end, whatever happens to what it prints.

    Characters that stdout cannot encode are replaced. When stdout or stderr fails (a closed pipe, a
    full disk), the rest of what is printed there is dropped, the command goes on, and the exit
    status is 1. The failure is named on stderr; that of a closed pipe is not, since whoever closed
    it wants no more.

    Args:
        command: returns an exit status.

    Returns:
        The command, wrapped.

    Example:
        >>> survives_lost_output(lambda: 0)()
        0
    """

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> int:
        with _lasting("stdout") as out, _lasting("stderr") as err:
            status = command(*args, **kwargs)
            for stream in (out, err):
                stream.flush()
            if out.error is not None and out.error.errno != errno.EPIPE:
                print(f"adaseg-fast: stdout failed ({out.error.strerror})", file=err)
            return status if out.error is None and err.error is None else status or 1

    return wrapped


class _Lasting:
    """A text stream that drops what cannot be written, and remembers the first error.

    Args:
        stream: None (a stream that was closed before the process began) takes everything.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        self._attempt("write", text)
        return len(text)

    def flush(self) -> None:
        self._attempt("flush")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _attempt(self, method: str, *values: str) -> None:
        if self._stream is None or self.error is not None:
            return
        try:
            getattr(self._stream, method)(*values)
        except OSError as error:
            self.error = error
            self._discard()

    def _discard(self) -> None:
        """Send what the stream still holds nowhere; else the interpreter fails with it at exit."""
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextmanager
def _lasting(name: str) -> Iterator[_Lasting]:
    """Put a `_Lasting` in place of ``sys.stdout`` or ``sys.stderr``."""
    stream = getattr(sys, name)
    errors = getattr(stream, "errors", None)
    can_change = errors == "strict" and hasattr(stream, "reconfigure")
    if can_change:
        stream.reconfigure(errors="replace")
    lasting = _Lasting(stream)
    setattr(sys, name, lasting)
    try:
        yield lasting
    finally:
        setattr(sys, name, stream)
        if can_change:
            with suppress(OSError):
                stream.reconfigure(errors=errors)  # flushes
