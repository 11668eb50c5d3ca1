"""How a code reaches a phone."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from litestar import Request

from server.kit.logs import get_logger
from server.kit.problems import Unavailable
from server.kit.settings import Settings
from server.members.rules import masked

log = get_logger(__name__)


class SmsNotConfigured(Unavailable):
    slug, title = "sms-not-configured", "This shop can't send text messages yet"


class SmsFailed(Unavailable):
    slug, title = "sms-failed", "The text message could not be sent; try again"


@runtime_checkable
class Sms(Protocol):
    """A provider's client. An app has its own in `app.state.sms`."""

    async def send_code(self, phone: str, code: str) -> None:
        """`phone` in E.164. Raises `SmsFailed` (503) when the provider does not take it."""
        ...


class ShownOnPage:
    """Sends nothing: the demo's answer has the code itself."""

    async def send_code(self, phone: str, code: str) -> None:
        log.info("a code for the page instead of a phone", phone=masked(phone))


def provide_sms(request: Request[Any, Any, Any], settings: Settings) -> Sms:
    """Raises `SmsNotConfigured` (503)."""
    sms: Sms | None = request.app.state.get("sms")
    if sms is not None:
        return sms
    if settings.demo:
        return ShownOnPage()
    raise SmsNotConfigured
