from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from live.media.clip import Clip
from live.media.node import MediaNode
from tests.live.media.players import make_small_clip
from tests.live.media.stage import TOKEN, Stage, stage


@pytest.fixture(scope="session")
def small_clip_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "small.mkv"
    make_small_clip(path)
    return path


@pytest.fixture(scope="session")
def small_clip(small_clip_path: Path) -> Clip:
    return Clip.load(small_clip_path)


@pytest.fixture
async def show(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10) as client:
        yield client


@pytest.fixture
async def node() -> AsyncIterator[MediaNode]:
    """Without HTTP; whoever is silent for a second is gone."""
    node = MediaNode(idle_after=1.0)
    await node.start()
    yield node
    await node.stop()
