"""What one process is told from outside. Every role reads the same variables."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import ssl
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization


class Explained(Exception):
    """Told to the person at the terminal: the text is enough."""


class SettingsError(Explained):
    """A variable that is missing or can't be understood; the text names it and says what to do."""


class IceServer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of `RTCConfiguration.iceServers`, with the browser's field names."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class WeChatPayAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant's account at WeChat Pay (API v3). Both keys are PEM texts: ours to sign, WeChat Pay's to verify by.
    With the `app_secret` of the official account that `app_id` names, our pages can be paid on within WeChat."""

    merchant_id: str
    app_id: str
    certificate_serial: str
    private_key: str
    api_v3_key: str
    public_key: str
    public_key_id: str
    api: str
    app_secret: str = ""
    official_api: str = ""


class StripeAccount(msgspec.Struct, frozen=True, kw_only=True):
    """`currency` is what minor units are of, in lower case."""

    secret_key: str
    webhook_secret: str
    currency: str
    api: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`host:port` fields are text as given; `port` and `media_*` ports of 0 mean any free one."""

    database_url: str
    redis_url: str
    data: Path
    secret: str
    base_url: str
    internal_url: str = "http://127.0.0.1:8000"
    """Where other roles of this installation reach the web role."""
    internal_ca: Path | None = None
    """PEM of the authority that `internal_url` is to be trusted by; None: the system's."""
    host: str = "127.0.0.1"
    port: int = 8000
    trusted_proxies: tuple[str, ...] = ("127.0.0.1/32", "::1/128")
    """Networks whose `X-Forwarded-For` names the visitor."""
    media_http: str = "127.0.0.1:0"
    """Where a media role takes signalling; for the other roles those of all media nodes, with commas between."""
    media_udp: str = "127.0.0.1:0"
    media_public: str | None = None
    media_accelerator: bool = True
    """Use the compiled fan-out where there is one."""
    ice_servers: tuple[IceServer, ...] = ()
    turn_urls: tuple[str, ...] = ()
    turn_secret: str = ""
    demo: bool = False
    sandbox: bool = False
    wechat_pay: WeChatPayAccount | None = None
    stripe: StripeAccount | None = None
    return_late_money: bool = True
    """Money that came too late or twice goes back by itself."""
    log: Literal["json", "text"] = "text"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Reads SHOWFLOOR_* variables. Makes DATA and DATA/secret (hex, mode 0600) when they are missing.

        Raises SettingsError.
        """
        given = _Given(os.environ if environ is None else environ)
        data = Path(given.text("DATA", "data")).expanduser().resolve()
        host, port = given.text("HOST", "127.0.0.1"), given.port("PORT", 8000)
        demo = given.flag("DEMO")
        base_url = given.text("BASE_URL", f"http://127.0.0.1:{port}").rstrip("/")
        return cls(
            database_url=given.url("DATABASE_URL", {"postgresql", "postgres"}),
            redis_url=given.url("REDIS_URL", {"redis", "rediss", "unix", "redis+cluster", "rediss+cluster"}),
            data=data,
            secret=given.secret(data),
            host=host,
            port=port,
            base_url=base_url,
            internal_url=given.text("INTERNAL_URL", f"http://127.0.0.1:{port}").rstrip("/"),
            internal_ca=given.file("INTERNAL_CA"),
            trusted_proxies=given.networks("TRUSTED_PROXIES", "127.0.0.1, ::1"),
            media_http=given.addresses("MEDIA_HTTP", "127.0.0.1:0"),
            media_udp=given.address("MEDIA_UDP", "127.0.0.1:0"),
            media_public=given.optional("MEDIA_PUBLIC"),
            media_accelerator=given.choice("MEDIA_ACCELERATOR", ("auto", "off")) == "auto",
            ice_servers=given.ice_servers(),
            turn_urls=given.turn_urls(),
            turn_secret=given.text("TURN_SECRET", ""),
            demo=demo,
            sandbox=demo or given.flag("SANDBOX"),
            wechat_pay=given.wechat_pay(base_url),
            stripe=given.stripe(),
            return_late_money=given.flag("RETURN_LATE_MONEY", "1"),
            log="json" if given.choice("LOG", ("text", "json")) == "json" else "text",
        )

    @staticmethod
    def wechat_pay_from_env(environ: Mapping[str, str] | None = None) -> WeChatPayAccount | None:
        """That account alone. Raises SettingsError."""
        given = _Given(os.environ if environ is None else environ)
        return given.wechat_pay(given.text("BASE_URL", ""))

    @property
    def media_nodes(self) -> tuple[str, ...]:
        """host:port of each."""
        return tuple(self.media_http.split(","))

    def internal_tls(self) -> ssl.SSLContext:
        """What a client of `internal_url` trusts."""
        return ssl.create_default_context(cafile=self.internal_ca)

    def __repr__(self) -> str:
        """Names no secret: both URLs may hold a password."""
        return f"Settings(data={str(self.data)!r}, base_url={self.base_url!r}, demo={self.demo})"


def split_address(address: str) -> tuple[str, int]:
    """`host:port` or `[v6]:port` → (host, port). Raises ValueError."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{address!r} is not host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def load_or_make_secret(data: Path) -> str:
    """The 32 random bytes, as hex, that sign this installation's tokens. Safe against a race of first starts."""
    path = data / "secret"
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(dir=data, prefix=".secret-")  # mode 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(fresh, path)
        os.unlink(fresh)
    return path.read_text().strip()


class _Given:
    """The SHOWFLOOR_* variables; an empty one counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def optional(self, name: str) -> str | None:
        return self._environ.get(f"SHOWFLOOR_{name}", "").strip() or None

    def text(self, name: str, default: str) -> str:
        return self.optional(name) or default

    def flag(self, name: str, default: str = "0") -> bool:
        text = self.text(name, default).lower()
        if text not in {"0", "1", "true", "false", "yes", "no"}:
            raise SettingsError(f"SHOWFLOOR_{name} must be 0 or 1, not {text!r}")
        return text in {"1", "true", "yes"}

    def port(self, name: str, default: int) -> int:
        text = self.text(name, str(default))
        if not text.isdecimal() or int(text) > 65535:
            raise SettingsError(f"SHOWFLOOR_{name} must be a port, not {text!r}")
        return int(text)

    def address(self, name: str, default: str) -> str:
        return self._address(name, self.text(name, default))

    def _address(self, name: str, text: str) -> str:
        try:
            split_address(text)
        except ValueError as error:
            raise SettingsError(f"SHOWFLOOR_{name}: {error}") from None
        return text

    def addresses(self, name: str, default: str) -> str:
        """Several, with commas between; without the spaces around them."""
        return ",".join(self._address(name, text.strip()) for text in self.text(name, default).split(","))

    def url(self, name: str, schemes: set[str]) -> str:
        text = self.optional(name)
        if text is None:
            raise SettingsError(
                f"SHOWFLOOR_{name} is not set. `showfloor run` starts an embedded server and sets it; "
                "a role started alone needs the URL of yours."
            )
        scheme = text.partition("://")[0]
        if scheme not in schemes:
            raise SettingsError(f"SHOWFLOOR_{name} must start with {' or '.join(sorted(schemes))}://")
        return text

    def secret(self, data: Path) -> str:
        text = self.optional("SECRET") or load_or_make_secret(data)
        if not re.fullmatch(r"([0-9a-fA-F]{2}){16,}", text):
            raise SettingsError("SHOWFLOOR_SECRET must be at least 16 bytes in hex (openssl rand -hex 32)")
        return text

    def file(self, name: str) -> Path | None:
        text = self.optional(name)
        if text and not Path(text).is_file():
            raise SettingsError(f"SHOWFLOOR_{name}: there is no file {text}")
        return Path(text) if text else None

    def networks(self, name: str, default: str) -> tuple[str, ...]:
        given = self.text(name, default).split(",")
        try:
            return tuple(str(ipaddress.ip_network(part.strip())) for part in given)
        except ValueError as error:
            raise SettingsError(f"SHOWFLOOR_{name} must be addresses or networks: {error}") from None

    def turn_urls(self) -> tuple[str, ...]:
        urls = self.text("TURN_URL", "").replace(",", " ").split()
        if urls and not self.optional("TURN_SECRET"):
            raise SettingsError(
                "SHOWFLOOR_TURN_URL needs SHOWFLOOR_TURN_SECRET, the TURN server's own secret"
            )
        return tuple(urls)

    def ice_servers(self) -> tuple[IceServer, ...]:
        text = self.text("ICE_SERVERS", "[]")
        try:
            entries: list[dict[str, Any]] = msgspec.json.decode(text, type=list[dict[str, Any]])
            for entry in entries:
                if isinstance(entry.get("urls"), str):
                    entry["urls"] = [entry["urls"]]
            return msgspec.convert(entries, tuple[IceServer, ...])
        except msgspec.DecodeError as error:
            raise SettingsError(
                f"SHOWFLOOR_ICE_SERVERS must be a JSON list of ICE servers: {error}"
            ) from None

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """The first is the default."""
        text = self.text(name, choices[0])
        if text not in choices:
            raise SettingsError(f"SHOWFLOOR_{name} must be {' or '.join(choices)}, not {text!r}")
        return text

    def whole(self, prefix: str, names: tuple[str, ...]) -> dict[str, str] | None:
        """All of these, by their names in lower case, or none: half an account is a mistake."""
        found = {name: text for name in names if (text := self.optional(f"{prefix}_{name}"))}
        if not found:
            return None
        if missing := [f"SHOWFLOOR_{prefix}_{name}" for name in names if name not in found]:
            raise SettingsError(
                f"SHOWFLOOR_{prefix}_{next(iter(found))} is set, and so must be {', '.join(missing)} "
                "(docs/payments.md says where each is found)"
            )
        return {name.lower(): text for name, text in found.items()}

    def wechat_pay(self, base_url: str) -> WeChatPayAccount | None:
        names = ("MERCHANT_ID", "APP_ID", "CERTIFICATE_SERIAL", "PRIVATE_KEY", "API_V3_KEY", "PUBLIC_KEY")
        account = self.whole("WECHAT_PAY", (*names, "PUBLIC_KEY_ID"))
        app_secret = self.text("WECHAT_PAY_APP_SECRET", "")
        if account is None:
            if app_secret:
                raise SettingsError(
                    "SHOWFLOOR_WECHAT_PAY_APP_SECRET is set, and so must be the account at WeChat Pay "
                    "(docs/payments.md says where it is found)"
                )
            return None
        if app_secret and not re.fullmatch(r"[0-9A-Za-z]{32}", app_secret):
            raise SettingsError(
                "SHOWFLOOR_WECHAT_PAY_APP_SECRET must be the official account's AppSecret, 32 characters"
            )
        if len(account["api_v3_key"].encode()) != 32:
            raise SettingsError(
                "SHOWFLOOR_WECHAT_PAY_API_V3_KEY must be the 32 characters set at pay.weixin.qq.com"
            )
        if not base_url.startswith("https://"):
            raise SettingsError(
                "SHOWFLOOR_WECHAT_PAY_* need SHOWFLOOR_BASE_URL: WeChat Pay sends its notices to https:// only"
            )
        account["private_key"] = self._pem("WECHAT_PAY_PRIVATE_KEY", "PRIVATE KEY", "apiclient_key.pem")
        account["public_key"] = self._pem("WECHAT_PAY_PUBLIC_KEY", "PUBLIC KEY", "pub_key.pem")
        return WeChatPayAccount(
            **account,
            api=self._api("WECHAT_PAY_API", "https://api.mch.weixin.qq.com"),
            app_secret=app_secret,
            official_api=self._api("WECHAT_API", "https://api.weixin.qq.com"),
        )

    def stripe(self) -> StripeAccount | None:
        account = self.whole("STRIPE", ("SECRET_KEY", "WEBHOOK_SECRET"))
        if account is None:
            return None
        if not account["secret_key"].startswith(("sk_", "rk_")):
            raise SettingsError("SHOWFLOOR_STRIPE_SECRET_KEY must start with sk_ or rk_; pk_ is another key")
        if not account["webhook_secret"].startswith("whsec_"):
            raise SettingsError(
                "SHOWFLOOR_STRIPE_WEBHOOK_SECRET must start with whsec_ (the webhook's signing secret)"
            )
        currency = self.text("STRIPE_CURRENCY", "cny").lower()
        if not re.fullmatch(r"[a-z]{3}", currency):
            raise SettingsError(
                f"SHOWFLOOR_STRIPE_CURRENCY must be three letters such as cny, not {currency!r}"
            )
        return StripeAccount(
            **account, currency=currency, api=self._api("STRIPE_API", "https://api.stripe.com")
        )

    def _pem(self, name: str, kind: str, usual: str) -> str:
        path = self.file(name)
        text = path.read_text(errors="replace").strip() if path else ""
        try:
            if not text.startswith(f"-----BEGIN {kind}-----"):
                raise ValueError
            if kind == "PRIVATE KEY":
                serialization.load_pem_private_key(text.encode(), None)
            else:
                serialization.load_pem_public_key(text.encode())
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise SettingsError(
                f"SHOWFLOOR_{name} must name a PEM file with a {kind} (usually {usual})"
            ) from None
        return text

    def _api(self, name: str, default: str) -> str:
        text = self.text(name, default).rstrip("/")
        if not text.startswith(("https://", "http://")):
            raise SettingsError(f"SHOWFLOOR_{name} must start with https://, not {text!r}")
        return text
