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
class Victim:
    """A process as it was before its death."""

    name: str
    pid: int
    restarts: int


class Processes:
    def __init__(self, demo: Demo) -> None:
        self._url = f"{demo.base_url}/health/ready"
        self._http = httpx.Client(timeout=5)
        self._died_at: dict[int, float] = {}

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

    def aim(self, *names: str) -> list[Victim]:
        """Their numbers, learnt before a rush, so that the kill comes in the moment in which it is wanted."""
        states = [(name, self._ready(name)) for name in names]
        return [Victim(name, state["pid"], state["restarts"]) for name, state in states]

    def kill(self, *victims: Victim) -> None:
        for victim in victims:
            os.kill(victim.pid, signal.SIGKILL)
            self._died_at[victim.pid] = time.monotonic()

    def back(self, *victims: Victim) -> float:
        """Waits until other processes stand in their places; how many seconds after the kill."""
        for victim in victims:
            eventually(f"{victim.name} is started again", lambda v=victim: self._replaced(v), BACK_WITHIN_S)
        return time.monotonic() - min(self._died_at[victim.pid] for victim in victims)

    def _ready(self, name: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            state = self.state(name)
            return state if state and state["state"] == "ready" else None

        seen: dict[str, Any] = eventually(f"{name} is ready", look, BACK_WITHIN_S)
        return seen

    def _replaced(self, victim: Victim) -> bool:
        state = self.state(victim.name)
        return bool(
            state
            and state["state"] == "ready"
            and state["pid"] != victim.pid
            and state["restarts"] > victim.restarts
            and state["last_exit"] == -signal.SIGKILL
        )
