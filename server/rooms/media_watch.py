"""Tells a room whether its picture plays, its control page how the upload does, and the media nodes which rooms have
ended or are elsewhere, and who may not stay. One worker at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from live.broker import Broker, BrokerUnavailable
from live.events import RoomEvent, control_topic, room_topic
from live.media.health import Health
from server.kit.database import Database, log_failure
from server.kit.ids import uuid7
from server.kit.settings import Settings
from server.rooms.media_gateway import MediaGateway, MediaUnavailable, Reports, together
from server.rooms.media_node import MediaReport
from server.rooms.media_rounds import Rounds

log = structlog.get_logger()

WATCH_LOCK = 0x5F0C_0006
LOOK_S = 1.0
SILENCE = 3
"""So many looks without an answer of a media node, and its rooms count as away."""

State = Literal["playing", "away"]


class MediaWatch:
    """What was told of each room, and what is to be told after a look. Of `rooms` it is not known what was told."""

    def __init__(self, rooms: Iterable[str] = ()) -> None:
        self._told: dict[str, State | None] = dict.fromkeys(rooms)
        self._unanswered: Counter[str] = Counter()
        self._answers: dict[str, MediaReport] = {}

    def look(self, reports: Reports) -> list[RoomEvent]:
        """Events after one look. A room that is gone from its node is away; while a node misses looks, what it said
        last holds."""
        for name, report in reports.items():
            if report is None:
                self._unanswered[name] += 1
            else:
                del self._unanswered[name]
                self._answers[name] = report
        patient = {name for name, looks in self._unanswered.items() if looks < SILENCE}
        if patient - self._answers.keys() or patient >= reports.keys():
            return []
        believed = reports.keys() - self._unanswered.keys() | patient
        return self._compare(together([self._answers[name] for name in believed]))

    def _compare(self, rooms: Mapping[str, Health]) -> list[RoomEvent]:
        events = []
        for room_id in self._told.keys() | rooms.keys():
            state: State = rooms[room_id].state if room_id in rooms else "away"
            if self._told.get(room_id, "away") != state:
                events.append(_event(room_topic(room_id), "media.state", {"state": state}))
            if state == "playing" or self._told.get(room_id) == "playing":
                events.append(_event(control_topic(room_id), "media.health", _health(rooms.get(room_id))))
            self._told[room_id] = state
        self._told = {room_id: state for room_id, state in self._told.items() if state == "playing"}
        return events


def _event(topic: str, kind: str, data: dict[str, Any]) -> RoomEvent:
    return RoomEvent(topic, kind, data, str(uuid7()))


def _health(health: Health | None) -> dict[str, Any]:
    """Zeros while nobody sends."""
    if health is None:
        return {
            "bitrate_kbps": 0,
            "fps": 0,
            "loss": 0,
            "rtt_ms": 0,
            "keyframe_interval_s": 0,
            "viewers": 0,
            "warning": None,
        }
    return {
        "bitrate_kbps": health.bitrate_kbps or 0,
        "fps": health.fps or 0,
        "loss": round(health.loss or 0, 4),
        "rtt_ms": round(health.rtt_ms or 0, 1),
        "keyframe_interval_s": round(health.keyframe_interval_s or 0, 1),
        "viewers": health.viewers,
        "warning": health.warning,
    }


async def watch_media(settings: Settings, database: Database, broker: Broker, stop: asyncio.Event) -> None:
    """The worker's loop. Any number of workers may run it; an advisory lock's holder looks."""
    gateway = MediaGateway(settings)
    try:
        while not stop.is_set():
            try:
                async with database.engine.connect() as leader:
                    if await _elected(leader):
                        try:
                            await _look_on(leader, gateway, Rounds(database, gateway), broker, stop)
                        finally:
                            await _stand_down(leader)
            except Exception as error:
                log_failure(log, "a look at the media node failed", error)
            await _wait(stop, LOOK_S)
    finally:
        await gateway.aclose()


async def _look_on(
    leader: AsyncConnection, gateway: MediaGateway, rounds: Rounds, broker: Broker, stop: asyncio.Event
) -> None:
    open_rooms = await leader.execute(
        text("SELECT id::text FROM room WHERE state IN ('warming', 'live', 'paused')")
    )
    watch = MediaWatch(open_rooms.scalars())
    waiting: Sequence[RoomEvent] = ()
    while not stop.is_set():
        await leader.execute(text("SELECT 1"))  # the lock is as alive as its connection
        await leader.commit()
        reports = await gateway.reports()
        with suppress(MediaUnavailable):
            await _clear_ended(leader, gateway, reports)
            await _settle(gateway, reports)
            await rounds.make(reports)
        waiting = [*_newest(waiting), *watch.look(reports)]
        with suppress(BrokerUnavailable):
            if waiting:
                await broker.append(waiting)
            waiting = ()
        await _wait(stop, LOOK_S)


async def _clear_ended(leader: AsyncConnection, gateway: MediaGateway, reports: Reports) -> None:
    """A look and not a reaction to the end: it also finds who came in that moment, or while the node was away."""
    rooms = _rooms(reports)
    if not rooms:
        return
    ended = await leader.execute(
        text("SELECT id::text FROM room WHERE state = 'ended' AND id = ANY(CAST(:rooms AS uuid[]))"),
        {"rooms": list(rooms)},
    )
    for room_id in ended.scalars().all():
        await gateway.clear(room_id, reports)


async def _settle(gateway: MediaGateway, reports: Reports) -> None:
    for room_id, nodes in _rooms(reports).items():
        if nodes > 1:
            log.warning("a room is on several media nodes", room_id=room_id, nodes=nodes)
            await gateway.settle(room_id, reports)


def _rooms(reports: Reports) -> Counter[str]:
    """On how many nodes each is."""
    return Counter(room_id for report in reports.values() if report for room_id in report.rooms)


def _newest(events: Sequence[RoomEvent]) -> list[RoomEvent]:
    """Of what could not be told, the last of each kind and topic still counts."""
    return list({(event.topic, event.kind): event for event in events}.values())


async def _elected(leader: AsyncConnection) -> bool:
    row = await leader.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": WATCH_LOCK})
    await leader.commit()
    return bool(row.scalar_one())


async def _stand_down(leader: AsyncConnection) -> None:
    """The lock belongs to the connection, which goes back to the pool; one that is broken has lost it anyway."""
    with suppress(DBAPIError):
        await leader.rollback()
        await leader.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": WATCH_LOCK})
        await leader.commit()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
