from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.kit.settings import Settings, SettingsError, load_or_make_secret, split_address
from tests.server.payments import wechat


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
        ("MEDIA_ACCELERATOR", "fast"),
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


def test_an_account_at_wechat_pay_is_whole_or_refused(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(wechat.account("").private_key)
    (tmp_path / "pub.pem").write_text(wechat.account("").public_key)
    (tmp_path / "cut.pem").write_text("-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----\n")
    environ["SHOWFLOOR_BASE_URL"] = "https://shop.example"
    whole = {
        "SHOWFLOOR_WECHAT_PAY_MERCHANT_ID": "1900000109",
        "SHOWFLOOR_WECHAT_PAY_APP_ID": "wx1",
        "SHOWFLOOR_WECHAT_PAY_CERTIFICATE_SERIAL": "5157",
        "SHOWFLOOR_WECHAT_PAY_PRIVATE_KEY": str(tmp_path / "key.pem"),
        "SHOWFLOOR_WECHAT_PAY_API_V3_KEY": "k" * 32,
        "SHOWFLOOR_WECHAT_PAY_PUBLIC_KEY": str(tmp_path / "pub.pem"),
        "SHOWFLOOR_WECHAT_PAY_PUBLIC_KEY_ID": "PUB_KEY_ID_1",
    }
    account = Settings.from_env(environ | whole).wechat_pay
    assert account is not None
    assert (account.merchant_id, account.api) == ("1900000109", "https://api.mch.weixin.qq.com")
    assert Settings.from_env(environ).wechat_pay is None
    for missing in whole:
        with pytest.raises(SettingsError, match=missing):
            Settings.from_env(environ | {name: value for name, value in whole.items() if name != missing})
    for name, wrong in (
        ("API_V3_KEY", "short"),
        ("PRIVATE_KEY", str(tmp_path / "pub.pem")),
        ("PUBLIC_KEY", "/no"),
    ):
        with pytest.raises(SettingsError, match=f"SHOWFLOOR_WECHAT_PAY_{name}"):
            Settings.from_env(environ | whole | {f"SHOWFLOOR_WECHAT_PAY_{name}": wrong})
    with pytest.raises(SettingsError, match="SHOWFLOOR_BASE_URL"):
        Settings.from_env(environ | whole | {"SHOWFLOOR_BASE_URL": "http://shop.example"})
    secret = {"SHOWFLOOR_WECHAT_PAY_APP_SECRET": "0a" * 16}
    assert account.app_secret == ""
    within = Settings.from_env(environ | whole | secret).wechat_pay
    assert within is not None
    assert (within.app_secret, within.official_api) == ("0a" * 16, "https://api.weixin.qq.com")
    assert Settings.wechat_pay_from_env(environ | whole | secret) == within
    for wrong_environ in (environ | secret, environ | whole | {"SHOWFLOOR_WECHAT_PAY_APP_SECRET": "short"}):
        with pytest.raises(SettingsError, match="SHOWFLOOR_WECHAT_PAY_APP_SECRET"):
            Settings.from_env(wrong_environ)


def test_an_account_at_stripe_is_whole_or_refused(environ: dict[str, str]) -> None:
    whole = {
        "SHOWFLOOR_STRIPE_SECRET_KEY": "sk_test_1",
        "SHOWFLOOR_STRIPE_WEBHOOK_SECRET": "whsec_1",
    }
    account = Settings.from_env(environ | whole | {"SHOWFLOOR_STRIPE_CURRENCY": "HKD"}).stripe
    assert account is not None
    assert (account.currency, account.api) == ("hkd", "https://api.stripe.com")
    wrong = [
        ({"SHOWFLOOR_STRIPE_SECRET_KEY": "sk_test_1"}, "WEBHOOK_SECRET"),
        (whole | {"SHOWFLOOR_STRIPE_SECRET_KEY": "pk_test_1"}, "SECRET_KEY"),
        (whole | {"SHOWFLOOR_STRIPE_WEBHOOK_SECRET": "1"}, "WEBHOOK_SECRET"),
        (whole | {"SHOWFLOOR_STRIPE_CURRENCY": "yuan"}, "CURRENCY"),
        (whole | {"SHOWFLOOR_STRIPE_API": "stripe.com"}, "API"),
    ]
    for given, named in wrong:
        with pytest.raises(SettingsError, match=f"SHOWFLOOR_STRIPE_{named}"):
            Settings.from_env(environ | given)
