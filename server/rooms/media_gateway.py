"""The web role's and the worker's line to the media nodes, and which of them has a room."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from live.gathering import each_once
from live.media.health import Health
from live.media.placement import NodeState, Placement, wished
from server.kit.problems import NotFound, Unavailable
from server.kit.settings import Settings
from server.rooms.media_node import INTERNAL_HEADER, MediaReport, internal_key

FRESH_S = 0.5
"""So old may a report be by which a room is placed."""


class MediaUnavailable(Unavailable):
    slug, title = "media-unavailable", "The video server does not answer; try again"


class UnknownMediaResource(NotFound):
    slug, title = "media-resource-unknown", "There is no such media session"


class MediaNodeLine:
    """To one node, by HTTP. `name` is its host:port; `tag` stands for it in the addresses of its sessions."""

    def __init__(self, name: str, secret: str) -> None:
        self.name = name
        self.tag = sha256(name.encode()).hexdigest()[:6]
        self._client = httpx.AsyncClient(
            base_url=f"http://{name}",
            headers={INTERNAL_HEADER: internal_key(secret)},
            timeout=httpx.Timeout(5.0),
            limits=httpx.Limits(max_connections=64),
            trust_env=False,
        )

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        content: bytes | None = None,
        headers: dict[bytes, bytes] | None = None,
    ) -> httpx.Response:
        """Raises MediaUnavailable (503)."""
        try:
            return await self._client.request(method, path, params=params, content=content, headers=headers)
        except httpx.TransportError as error:
            raise MediaUnavailable(retry_after_s=2) from error

    async def report(self) -> MediaReport:
        """The node's figures and the health of its rooms. Raises MediaUnavailable."""
        response = await self.call("GET", "/rooms")
        if response.status_code != 200:
            raise MediaUnavailable(retry_after_s=2)
        return msgspec.json.decode(response.content, type=MediaReport)

    async def clear(self, room_id: str) -> None:
        """Sends the room's host and viewers away. Raises MediaUnavailable."""
        await self.call("DELETE", f"/rooms/{quote(room_id, safe='')}")

    async def drain(self, on: bool) -> None:
        """Whether the node takes no new rooms. Raises MediaUnavailable."""
        answer = await self.call("POST" if on else "DELETE", "/drain")
        if not answer.is_success:
            raise MediaUnavailable(retry_after_s=2)

    async def viewers(self, room_id: str) -> list[str]:
        """The labels of those who watch there. Raises MediaUnavailable."""
        answer = await self.call("GET", f"/rooms/{quote(room_id, safe='')}/viewers")
        if answer.status_code != 200:
            raise MediaUnavailable(retry_after_s=2)
        return msgspec.json.decode(answer.content, type=list[str])

    async def dismiss(self, room_id: str, viewer: str) -> None:
        """Ends what they watch there. Raises MediaUnavailable."""
        await self.call("DELETE", f"/rooms/{quote(room_id, safe='')}/viewers/{quote(viewer, safe='')}")

    async def aclose(self) -> None:
        await self._client.aclose()


Reports = Mapping[str, MediaReport | None]
"""By the nodes' names; None for one that doesn't answer."""


class MediaGateway:
    """All nodes that SHOWFLOOR_MEDIA_HTTP names. `aclose` it when the app ends."""

    def __init__(self, settings: Settings) -> None:
        self.nodes = {name: MediaNodeLine(name, settings.secret) for name in settings.media_nodes}
        self._placement = Placement(settings.redis_url) if len(self.nodes) > 1 else None
        self._asking = each_once(self._ask)
        self._reports: Reports = {}
        self._reported_at = float("-inf")

    async def place(self, room_id: str) -> MediaNodeLine:
        """The node for a session that begins. Raises MediaUnavailable."""
        if self._placement is None:
            return next(iter(self.nodes.values()))
        if time.monotonic() - self._reported_at > FRESH_S:
            await self._asking.ask("all")
        states = _states(self._reports)
        name = await self._placement.place(room_id, states)
        if name is None and not states:
            raise MediaUnavailable(retry_after_s=2)
        return self.nodes[name or next(iter(states))]  # one that drains says so itself

    def session(self, resource_id: str) -> tuple[MediaNodeLine, str]:
        """A session's node, and its name there. Raises UnknownMediaResource (404)."""
        tag, _, inner = resource_id.partition(".")
        for node in self.nodes.values():
            if node.tag == tag and inner:
                return node, inner
        raise UnknownMediaResource

    async def reports(self) -> Reports:
        return await self._asking.ask("all")

    async def _ask(self, _: str) -> Reports:
        answers = await asyncio.gather(
            *(node.report() for node in self.nodes.values()), return_exceptions=True
        )
        reports: dict[str, MediaReport | None] = {}
        for name, answer in zip(self.nodes, answers, strict=True):
            if isinstance(answer, BaseException) and not isinstance(answer, MediaUnavailable):
                raise answer
            reports[name] = answer if isinstance(answer, MediaReport) else None
        self._reports, self._reported_at = reports, time.monotonic()
        return reports

    async def health(self, room_id: str) -> Health | None:
        """None when nobody publishes or watches there. Raises MediaUnavailable when no node answers."""
        reports = [report for report in (await self.reports()).values() if report]
        if not reports:
            raise MediaUnavailable(retry_after_s=2)
        return together(reports).get(room_id)

    async def clear(self, room_id: str, reports: Reports) -> None:
        """Sends the room's host and viewers away, from wherever they are. Raises MediaUnavailable."""
        for name, report in reports.items():
            if report and room_id in report.rooms:
                await self.nodes[name].clear(room_id)

    async def settle(self, room_id: str, reports: Reports) -> None:
        """A room that is on several nodes, since they were told apart by a broken line, stays on one; the others send
        its people there, by sending them away. Raises MediaUnavailable."""
        states = _states(reports)
        having = {name: state for name, state in states.items() if room_id in state.rooms}
        keeper = wished(room_id, having)
        if self._placement is None or keeper is None:
            return
        await self._placement.place(room_id, {keeper: having[keeper]})
        for name in having.keys() - {keeper}:
            await self.nodes[name].clear(room_id)

    async def aclose(self) -> None:
        await asyncio.gather(*(node.aclose() for node in self.nodes.values()))
        if self._placement is not None:
            await self._placement.aclose()


def together(reports: list[MediaReport]) -> dict[str, Health]:
    """Of each room, what the node says where it plays, with the viewers of all."""
    rooms: dict[str, Health] = {}
    for room_id in {room_id for report in reports for room_id in report.rooms}:
        told = [report.rooms[room_id] for report in reports if room_id in report.rooms]
        best = min(told, key=lambda health: health.state != "playing")
        rooms[room_id] = msgspec.structs.replace(best, viewers=sum(health.viewers for health in told))
    return rooms


def _states(reports: Mapping[str, Any]) -> dict[str, NodeState]:
    return {
        name: NodeState(
            rooms=report.rooms.keys(),
            playing={room_id for room_id, health in report.rooms.items() if health.state == "playing"},
            viewers=report.node.viewers,
            draining=report.node.draining,
        )
        for name, report in reports.items()
        if report is not None
    }
