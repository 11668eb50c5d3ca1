"""Payment providers: one port, one module for each, and those that this installation offers."""

from __future__ import annotations

from collections.abc import Iterator

from server.kit.database import Database
from server.kit.problems import Problem
from server.kit.settings import Settings
from server.payments.providers.port import Notice, Provider, ProviderError, ProviderRefused

__all__ = [
    "Notice",
    "Provider",
    "ProviderError",
    "ProviderRefused",
    "ProviderUnknown",
    "Providers",
    "offered",
    "within_wechat",
]


class ProviderUnknown(Problem):
    """`providers` lists what this installation offers."""

    status, slug, title = 422, "provider-unknown", "This way of paying is not offered here"


def offered(settings: Settings) -> tuple[str, ...]:
    """The names of what can be paid with here, real money first. The sandbox exists only when the installation says
    so."""
    there = {"wechat_pay": settings.wechat_pay, "stripe": settings.stripe, "sandbox": settings.sandbox}
    return tuple(name for name, switched_on in there.items() if switched_on)


def within_wechat(settings: Settings, name: str) -> bool:
    """Whether our pages can use it in WeChat's own browser: there WeChat Pay has to be told who is paying."""
    return name != "wechat_pay" or bool(settings.wechat_pay and settings.wechat_pay.app_secret)


class Providers:
    """One of each for a process: they keep connections. A library is imported only where its provider is offered."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._by_name: dict[str, Provider] = {}
        if settings.wechat_pay:
            from server.payments.providers.wechat_pay import WeChatPay

            self._by_name["wechat_pay"] = WeChatPay(settings.wechat_pay, settings.base_url)
        if settings.stripe:
            from server.payments.providers.stripe import Stripe

            self._by_name["stripe"] = Stripe(settings.stripe, settings.base_url)
        if settings.sandbox:
            from server.payments.providers.sandbox import Sandbox

            self._by_name["sandbox"] = Sandbox(settings, database)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> Provider:
        """Raises `ProviderUnknown` (422)."""
        if name not in self._by_name:
            raise ProviderUnknown(providers=sorted(self._by_name))
        return self._by_name[name]

    async def aclose(self) -> None:
        for provider in self:
            await provider.aclose()
