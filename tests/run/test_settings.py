from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.kit.settings import Settings, SettingsError, load_or_make_secret, split_address


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "SHOWFLOOR_DATABASE_URL": "postgresql://shop@/shop?host=/run/db",
        "SHOWFLOOR_REDIS_URL": "unix:///run/valkey.sock",
        "SHOWFLOOR_DATA": str(tmp_path / "data"),
    }


def test_defaults_are_for_this_machine_alone(environ: dict[str, str]) -> None:
    settings = Settings.from_env(environ)
    assert (settings.host, settings.base_url) == ("127.0.0.1", "http://127.0.0.1:8000")
    assert settings.ice_servers == ()
    assert not settings.demo
    assert not settings.sandbox


def test_demo_brings_the_sandbox(environ: dict[str, str]) -> None:
    assert Settings.from_env({**environ, "SHOWFLOOR_DEMO": "1"}).sandbox


def test_secret_is_made_once_and_closed_to_others(environ: dict[str, str], tmp_path: Path) -> None:
    first, second = Settings.from_env(environ), Settings.from_env(environ)
    assert first.secret == second.secret
    assert len(bytes.fromhex(first.secret)) == 32
    assert stat.S_IMODE((tmp_path / "data" / "secret").stat().st_mode) == 0o600


def test_processes_that_start_together_agree_on_the_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: load_or_make_secret(tmp_path), range(8)))) == 1


def test_missing_url_is_named_with_the_way_out(environ: dict[str, str]) -> None:
    del environ["SHOWFLOOR_DATABASE_URL"]
    with pytest.raises(SettingsError, match="SHOWFLOOR_DATABASE_URL is not set"):
        Settings.from_env(environ)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("DEMO", "maybe"),
        ("MEDIA_UDP", "0.0.0.0"),
        ("REDIS_URL", "http://cache"),
        ("ICE_SERVERS", "{}"),
        ("ICE_SERVERS", '[{"username": "x"}]'),
        ("SECRET", "password"),
        ("TRUSTED_PROXIES", "nginx"),
        ("INTERNAL_CA", "/nowhere/ca.crt"),
        ("LOG", "xml"),
    ],
)
def test_what_cannot_be_understood_is_named(environ: dict[str, str], name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"SHOWFLOOR_{name}"):
        Settings.from_env({**environ, f"SHOWFLOOR_{name}": text})


def test_ice_servers_come_with_one_url_or_several(environ: dict[str, str]) -> None:
    given = '[{"urls": "stun:a"}, {"urls": ["turn:b", "turn:c"], "username": "u", "credential": "p"}]'
    stun, turn = Settings.from_env({**environ, "SHOWFLOOR_ICE_SERVERS": given}).ice_servers
    assert stun.urls == ["stun:a"]
    assert (turn.urls, turn.credential) == (["turn:b", "turn:c"], "p")


def test_turn_urls_need_the_relays_secret(environ: dict[str, str]) -> None:
    given = environ | {"SHOWFLOOR_TURN_URL": "turn:a?transport=udp, turns:a"}
    with pytest.raises(SettingsError, match="SHOWFLOOR_TURN_SECRET"):
        Settings.from_env(given)
    settings = Settings.from_env(given | {"SHOWFLOOR_TURN_SECRET": "s"})
    assert settings.turn_urls == ("turn:a?transport=udp", "turns:a")


def test_proxies_are_addresses_or_networks(environ: dict[str, str]) -> None:
    given = environ | {"SHOWFLOOR_TRUSTED_PROXIES": "10.1.0.0/16, 192.0.2.7"}
    assert Settings.from_env(given).trusted_proxies == ("10.1.0.0/16", "192.0.2.7/32")


def test_printed_settings_hold_no_secret(environ: dict[str, str]) -> None:
    settings = Settings.from_env(environ)
    assert settings.secret not in repr(settings)
    assert "shop@" not in repr(settings)


@pytest.mark.parametrize(("text", "address"), [("a:1", ("a", 1)), ("[::1]:80", ("::1", 80))])
def test_addresses_split_into_host_and_port(text: str, address: tuple[str, int]) -> None:
    assert split_address(text) == address
