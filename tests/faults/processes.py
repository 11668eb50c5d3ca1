"""The demo's processes, killed as the kernel's out-of-memory killer would, and seen to come back."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Any

import httpx

from tests.acceptance.demo import Demo, eventually

BACK_WITHIN_S = 30.0


@dataclass(frozen=True)
class Killed:
    name: str
    pid: int
    restarts: int
    at: float


class Processes:
    def __init__(self, demo: Demo) -> None:
        self._url = f"{demo.base_url}/health/ready"
        self._http = httpx.Client(timeout=5)
        self.kills = 0

    def health(self) -> dict[str, Any] | None:
        """None while nobody answers."""
        try:
            body: dict[str, Any] = self._http.get(self._url).json()
        except httpx.TransportError:
            return None
        return body if body["supervisor"] else None

    def state(self, name: str) -> dict[str, Any] | None:
        health = self.health()
        return health["supervisor"]["processes"][name] if health else None

    def ready(self, name: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            state = self.state(name)
            return state if state and state["state"] == "ready" else None

        seen: dict[str, Any] = eventually(f"{name} is ready", look, BACK_WITHIN_S)
        return seen

    def kill(self, *names: str) -> list[Killed]:
        """All of them in one moment."""
        aimed = self.aim(*names)
        for victim in aimed:
            self.finish(victim)
        return aimed

    def aim(self, *names: str) -> list[Killed]:
        states = [(name, self.ready(name)) for name in names]
        return [Killed(name, state["pid"], state["restarts"], time.monotonic()) for name, state in states]

    def finish(self, victim: Killed) -> None:
        self.kills += 1
        os.kill(victim.pid, signal.SIGKILL)

    def back(self, *killed: Killed) -> float:
        """Waits until other processes stand in their places; how many seconds after the kill."""
        for one in killed:
            eventually(f"{one.name} is started again", lambda one=one: self._replaced(one), BACK_WITHIN_S)
        return time.monotonic() - killed[0].at

    def _replaced(self, killed: Killed) -> bool:
        state = self.state(killed.name)
        return bool(
            state
            and state["state"] == "ready"
            and state["pid"] != killed.pid
            and state["restarts"] > killed.restarts
            and state["last_exit"] == -signal.SIGKILL
        )
