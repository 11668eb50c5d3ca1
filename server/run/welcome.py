"""What `showfloor run` prints when the system is ready."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import segno

from server.kit.settings import Settings


class Welcome:
    """The pages' addresses, the demo's accounts, and a QR code for the phone. `str()` is the text.

    `door` is the plain page of `--lan` where a phone gets the certificate.
    """

    def __init__(self, settings: Settings, owner_link: str | None, door: str | None) -> None:
        self._data = settings.data
        self._base_url = settings.base_url
        self._owner_link = owner_link
        self._door = door
        self._demo = _demo_of(settings.data) if settings.demo else None

    def __str__(self) -> str:
        parts = [f"\nShowfloor is ready at {self._base_url}   (data in {self._data}, Ctrl-C stops it)\n"]
        parts += [f"  {name:<16}{url}" for name, url in self._pages()]
        parts += self._first_steps()
        parts += self._phone()
        return "\n".join(parts) + "\n"

    def _pages(self) -> list[tuple[str, str]]:
        pages = [("headquarters", "/hq"), ("members", "/hq/members"), ("API", "/reference")]
        if self._demo:
            room, store = self._demo["room_id"], self._demo["store_id"]
            pages = [
                ("live page", f"/live/{room}"),
                ("control room", f"/control/{room}"),
                ("store", f"/store/{store}"),
                ("wall screens", f"/store/{store}/screen/{room}"),
                ("", "/hq/screen"),
                *pages,
            ]
        listed = [(name, self._base_url + path) for name, path in pages]
        if self._demo:
            listed.insert(1, ("guide's link", self._demo["invite_url"]))
        return listed

    def _first_steps(self) -> list[str]:
        if self._owner_link:
            return ["\n  The owner's first log-in, good for one use:", f"  {self._owner_link}"]
        if not self._demo:
            return ["\n  Log in at " + self._base_url + "/login"]
        accounts = self._demo["accounts"].items()
        rows = [
            f"  {role:<20}{account['login']:<28}{account['password']}"
            for role, account in accounts
            if account.get("password")
        ]
        return [f"\n  {'role':<20}{'login':<28}password", *rows, f"\n  All of it: {self._data / 'demo.json'}"]

    def _phone(self) -> list[str]:
        if self._door:
            return [
                f"\n  For phones in this network, {self._door} gives the certificate to trust, then leads on:\n",
                _qr(self._door),
                "  Another computer: trust the same certificate, or go past its warning. Private addresses only.",
            ]
        target = self._demo["invite_url"] if self._demo else self._base_url
        note = "" if "//127.0.0.1" not in target else " (from this machine; --lan opens it to your phone)"
        return [f"\n  {target}{note}\n", _qr(target)]


def _demo_of(data: Path) -> dict[str, Any] | None:
    with suppress(OSError, msgspec.DecodeError):
        demo: dict[str, Any] = msgspec.json.decode((data / "demo.json").read_bytes())
        return demo
    return None


def _qr(text: str) -> str:
    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out=drawn, border=2, compact=True)
    return drawn.getvalue()
