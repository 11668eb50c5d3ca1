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


class Explained(Exception):
    """Told to the person at the terminal: the text is enough."""


class SettingsError(Explained):
    """A variable that is missing or can't be understood; the text names it and says what to do."""


class IceServer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of `RTCConfiguration.iceServers`, with the browser's field names."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


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
    media_udp: str = "127.0.0.1:0"
    media_public: str | None = None
    ice_servers: tuple[IceServer, ...] = ()
    turn_urls: tuple[str, ...] = ()
    turn_secret: str = ""
    demo: bool = False
    sandbox: bool = False
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
        return cls(
            database_url=given.url("DATABASE_URL", {"postgresql", "postgres"}),
            redis_url=given.url("REDIS_URL", {"redis", "rediss", "unix", "redis+cluster", "rediss+cluster"}),
            data=data,
            secret=given.secret(data),
            host=host,
            port=port,
            base_url=given.text("BASE_URL", f"http://127.0.0.1:{port}").rstrip("/"),
            internal_url=given.text("INTERNAL_URL", f"http://127.0.0.1:{port}").rstrip("/"),
            internal_ca=given.file("INTERNAL_CA"),
            trusted_proxies=given.networks("TRUSTED_PROXIES", "127.0.0.1, ::1"),
            media_http=given.address("MEDIA_HTTP", "127.0.0.1:0"),
            media_udp=given.address("MEDIA_UDP", "127.0.0.1:0"),
            media_public=given.optional("MEDIA_PUBLIC"),
            ice_servers=given.ice_servers(),
            turn_urls=given.turn_urls(),
            turn_secret=given.text("TURN_SECRET", ""),
            demo=demo,
            sandbox=demo or given.flag("SANDBOX"),
            log=given.log_form(),
        )

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

    def flag(self, name: str) -> bool:
        text = self.text(name, "0").lower()
        if text not in {"0", "1", "true", "false", "yes", "no"}:
            raise SettingsError(f"SHOWFLOOR_{name} must be 0 or 1, not {text!r}")
        return text in {"1", "true", "yes"}

    def port(self, name: str, default: int) -> int:
        text = self.text(name, str(default))
        if not text.isdecimal() or int(text) > 65535:
            raise SettingsError(f"SHOWFLOOR_{name} must be a port, not {text!r}")
        return int(text)

    def address(self, name: str, default: str) -> str:
        text = self.text(name, default)
        try:
            split_address(text)
        except ValueError as error:
            raise SettingsError(f"SHOWFLOOR_{name}: {error}") from None
        return text

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

    def log_form(self) -> Literal["json", "text"]:
        text = self.text("LOG", "text")
        if text == "json":
            return "json"
        if text == "text":
            return "text"
        raise SettingsError(f"SHOWFLOOR_LOG must be json or text, not {text!r}")
