"""The one look behind the surface: the demo's Valkey itself, to empty it, and to see whether a gate stands."""

from __future__ import annotations

import redis

from server.run.embedded import Valkey
from server.run.folders import DataFolder
from tests.acceptance.demo import Demo


class GateView:
    def __init__(self, demo: Demo) -> None:
        self.redis = redis.from_url(Valkey(DataFolder(demo.data)).url, decode_responses=True)

    def free(self, sale_id: str) -> int | None:
        """What the gate thinks is free; None when there is no gate."""
        fields = self.redis.hgetall(f"{{sale:{sale_id}}}:gate")
        return (
            sum(int(units) for name, units in fields.items() if name.startswith("free:")) if fields else None
        )

    def epoch(self, sale_id: str) -> int:
        return int(self.redis.hget(f"{{sale:{sale_id}}}:gate", "epoch") or 0)
