from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from server.kit.settings import Explained, Settings, SettingsError
from server.rooms.media_node import create_media_app
from server.run.drain import drain
from tests.live.media.offers import PLAYER_OFFER
from tests.live.media.stage import served


def settings(data: Path, media_http: str) -> Settings:
    return Settings(
        database_url="", redis_url="", data=data, secret="5f" * 16, base_url="", media_http=media_http
    )


async def test_draining_tells_what_is_left_and_ends_when_the_node_is_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = create_media_app(settings(tmp_path, "127.0.0.1:0"))
    async with served(app) as name:
        viewer = await app.state.node.play("r", PLAYER_OFFER)
        work = asyncio.create_task(drain(settings(tmp_path, name), name, look_s=0.02))
        async with asyncio.timeout(20):
            while "1 rooms, 0 hosts, 0 viewers" not in capsys.readouterr().out:
                await asyncio.sleep(0.01)
        assert app.state.node.figures().draining
        await app.state.node.close(viewer.id)
        await asyncio.wait_for(work, 20)
        assert capsys.readouterr().out.endswith(f"{name} is empty: it can be stopped\n")
        await drain(settings(tmp_path, name), name, undo=True)
        assert not app.state.node.figures().draining


async def test_a_node_that_nobody_named_is_not_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="media-1:8100"):
        await drain(settings(tmp_path, "media-1:8100"), "media-2:8100")


async def test_a_node_that_does_not_answer_is_said(tmp_path: Path) -> None:
    with pytest.raises(Explained, match="does not answer"):
        await drain(settings(tmp_path, "127.0.0.1:9"), "127.0.0.1:9")
