from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.kit.settings import Settings
from server.run.welcome import Welcome

DEMO = {
    "room_id": "r1",
    "store_id": "s1",
    "invite_url": "http://127.0.0.1:8000/i/CODE",
    "accounts": {
        "owner": {"login": "owner@demo", "password": "tea-set-42", "token": "t1"},
        "viewer": {"login": "", "password": "", "token": "t2"},
    },
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "demo.json").write_text(json.dumps(DEMO))
    return Settings(
        database_url="postgresql://",
        redis_url="redis://",
        data=tmp_path,
        secret="00" * 32,
        base_url="http://127.0.0.1:8000",
        demo=True,
    )


def test_demo_prints_pages_accounts_and_a_code_for_the_phone(settings: Settings) -> None:
    text = str(Welcome(settings, None, None))
    assert "http://127.0.0.1:8000/control/r1" in text
    assert "tea-set-42" in text
    assert "█▀" in text


def test_without_demo_an_old_demo_file_is_not_believed(settings: Settings) -> None:
    import msgspec

    link = "http://127.0.0.1:8000/setup/once"
    text = str(Welcome(msgspec.structs.replace(settings, demo=False), link, None))
    assert link in text
    assert "tea-set-42" not in text


def test_local_network_gets_the_page_with_the_certificate(settings: Settings) -> None:
    assert "http://192.168.1.5:8001/ gives the certificate" in str(
        Welcome(settings, None, "http://192.168.1.5:8001/")
    )
