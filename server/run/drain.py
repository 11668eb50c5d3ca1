"""`showfloor drain`: empty a media node before it is stopped, without cutting anybody off."""

from __future__ import annotations

import asyncio

from server.kit.settings import Explained, Settings, SettingsError
from server.rooms.media_gateway import MediaNodeLine, MediaUnavailable

LOOK_S = 2.0


async def drain(settings: Settings, name: str, *, undo: bool = False, look_s: float = LOOK_S) -> None:
    """Returns when the node is empty. It goes on draining when this is interrupted; `undo` ends it.

    Raises Explained.
    """
    if name not in settings.media_nodes:
        raise SettingsError(f"SHOWFLOOR_MEDIA_HTTP names no {name}, but {', '.join(settings.media_nodes)}")
    node = MediaNodeLine(name, settings.secret)
    try:
        await node.drain(not undo)
        if undo:
            print(f"{name} takes new rooms again", flush=True)
            return
        print(f"{name} takes no new rooms (--undo ends this)", flush=True)
        await _wait_until_empty(node, look_s)
        print(f"{name} is empty: it can be stopped", flush=True)
    except MediaUnavailable:
        raise Explained(f"{name} does not answer") from None
    finally:
        await node.aclose()


async def _wait_until_empty(node: MediaNodeLine, look_s: float) -> None:
    told = ""
    while (figures := (await node.report()).node).rooms:
        left = f"still there: {figures.rooms} rooms, {figures.hosts} hosts, {figures.viewers} viewers"
        if left != told:
            print(left, flush=True)
        told = left
        await asyncio.sleep(look_s)
