"""What happened to brands."""

from __future__ import annotations

from server.kit.facts import Fact


class BrandCreated(Fact, kw_only=True, frozen=True, tag="brand.created"):
    """A new tenant; whoever has something to give it from the start does so in this transaction."""
