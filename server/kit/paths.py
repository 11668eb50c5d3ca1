"""Addresses within this site."""

from __future__ import annotations

from typing import Annotated

import msgspec

# Browsers read a backslash as a slash and drop tabs: "/\t/elsewhere" would leave this site.
OwnPath = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^/(?:[!-.0-\[\]-~][!-~]*)?$")]
"""A path, with query and fragment perhaps, that leads nowhere but to this site."""
