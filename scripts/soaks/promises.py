"""What is held against the product, and how often it was broken."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass
class Promise:
    tried: int = 0
    failed: int = 0


@dataclass
class Promises:
    """By name. `say` is for people who wait."""

    by_name: dict[str, Promise] = field(default_factory=dict)

    def count(self, name: str, tried: int, failed: int, why: object = "") -> None:
        promise = self.by_name.setdefault(name, Promise())
        promise.tried += tried
        promise.failed += failed
        if failed:
            self.say(f"BROKEN {name}: {failed} of {tried} {why}".rstrip())

    @property
    def kept(self) -> bool:
        return not any(promise.failed for promise in self.by_name.values())

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
