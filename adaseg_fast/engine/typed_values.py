# SPDX-License-Identifier: Apache-2.0
"""What TOML and JSON give, as values of declared types; an error names the key and what it must be.

The types are the annotations of `msgspec.Struct` and `TypedDict` classes. Nothing is converted but
whole numbers to floats, lists to tuples, and keys to integers where integers are declared.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

T = TypeVar("T")

_WORDS = {
    "int": "an integer",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a table",
}


def typed(values: object, kind: type[T]) -> T:
    """``values`` as a ``kind``.

    Args:
        values: of dicts, lists, texts, numbers, booleans and None.
        kind: a `msgspec.Struct`, a `TypedDict`, or any type that they may hold.

    Raises:
        ValueError: a value is missing, unknown or of another type; names its key.

    Example:
        >>> typed([1, 2], tuple[int, int])
        (1, 2)
        >>> typed({"side": "big"}, dict[str, int])
        Traceback (most recent call last):
        ValueError: [...] must be an integer, got a text
    """
    try:
        return msgspec.convert(values, kind, str_keys=True)
    except msgspec.ValidationError as error:
        raise ValueError(_explained(str(error), kind)) from error


def _explained(error: str, kind: Any) -> str:
    """The error of msgspec, such as "Expected `int`, got `str` - at `$.a.b`", in our words."""
    message, _, place = error.partition(" - at ")
    key = place.rpartition("$")[2].strip("`.")
    named = re.search(r"`(.+)`|'(.*)'", message)
    if message.startswith("Object missing"):
        return f"{key}: '{named and named[1]}' is missing".removeprefix(": ")
    if message.startswith("Object contains unknown"):
        known = ", ".join(get_type_hints(_declared(kind, key)))
        return f"{key}: '{named and named[1]}' is none of {known}".removeprefix(": ")
    if message.startswith("Invalid enum"):
        choices = " or ".join(map(str, get_args(_declared(kind, key))))
        return f"{key} must be {choices}, got '{named and named[2]}'"
    wanted = re.sub("`([^`]+)`", lambda types: _in_words(types[1]), message)
    where = f"a key of {key}" if place.startswith("`key`") else key or "all of it"
    return f"{where} {wanted.replace('Expected', 'must be', 1)}"


def _in_words(types: str) -> str:
    return " or ".join(_WORDS.get(kind, kind) for kind in types.split(" | "))


def _declared(kind: Any, key: str) -> Any:
    """The type that ``kind`` declares at a key such as ``evaluation.metrics[0]``."""
    for part in re.findall(r"\w+|\[\d+\]", key):
        kind = get_args(kind)[0] if part.startswith("[") else get_type_hints(kind)[part]
    return kind
