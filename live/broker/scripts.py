"""Lua scripts as package data, called by their hash."""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files

import msgspec


class Script(msgspec.Struct, frozen=True):
    text: str
    sha: str


def load(package: str, name: str) -> Script:
    """The script in the package's `lua` folder."""
    text = (files(package) / "lua" / f"{name}.lua").read_text()
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
