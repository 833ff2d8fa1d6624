# SPDX-License-Identifier: Apache-2.0
"""Types of the values in records. Who reads a record from a file refuses values out of range."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

# A mean of counts over several runs may be no whole number.
Count = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0, le=2.0**63)]
Amount = Annotated[float, Meta(ge=0, le=2.0**63)]
Share = Annotated[float, Meta(ge=0, le=1)]
