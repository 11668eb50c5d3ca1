"""localstripe on loopback, in a thread of its own, with what it lacks of the real one: Checkout sessions, idempotency
keys that are held to, refunds that never exceed the charge, balance transactions by time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from concurrent.futures import Future
from typing import Any

import localstripe.resources as resources
import localstripe.webhooks as webhooks
import stripe
from aiohttp import web
from localstripe.errors import UserError
from localstripe.resources import BalanceTransaction, Event, PaymentIntent, PaymentMethod, StripeObject
from localstripe.server import api_create, api_extra, api_retrieve, app, json_response

from server.kit.settings import StripeAccount

SECRET = "whsec_" + "5" * 32
GOOD_CARD, DECLINED_CARD = "4242424242424242", "4000000000000341"


def account(api: str) -> StripeAccount:
    return StripeAccount(secret_key="sk_test_local", webhook_secret=SECRET, currency="cny", api=api)


class CheckoutSession(StripeObject):
    object = "checkout.session"
    _id_prefix = "cs_test_"

    def __init__(
        self,
        mode: str = "",
        client_reference_id: str = "",
        line_items: Any = None,
        metadata: Any = None,
        payment_intent_data: Any = None,
        success_url: str = "",
        cancel_url: str = "",
        expires_at: Any = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise UserError(400, f"Received unknown parameters: {', '.join(unknown)}")
        if mode != "payment" or not success_url.startswith("http") or not cancel_url.startswith("http"):
            raise UserError(400, "Bad request")
        (item,) = line_items
        price = item["price_data"]
        if price["currency"] == "cny" and int(price["unit_amount"]) < 400:
            raise UserError(400, "amount too small", {"code": "amount_too_small"})
        super().__init__()
        if not 1790 <= int(expires_at) - self.created <= 86400:
            raise UserError(400, "expires_at must be between 30 minutes and 24 hours from now")
        self.mode, self.client_reference_id, self.metadata = mode, client_reference_id, metadata or {}
        self.amount_total = int(price["unit_amount"]) * int(item["quantity"])
        self.currency, self.expires_at = price["currency"], int(expires_at)
        self.success_url, self.cancel_url = success_url, cancel_url
        self.status, self.payment_status, self.payment_intent = "open", "unpaid", None
        self._intent_data = payment_intent_data or {}

    @property
    def url(self) -> str | None:
        return f"https://checkout.stripe.com/c/pay/{self.id}" if self.status == "open" else None

    @classmethod
    def _api_expire(cls, id: str) -> CheckoutSession:
        session = cls._api_retrieve(id)
        if session.status != "open":
            raise UserError(400, "Only Checkout Sessions with a status in [open] can be expired.")
        session.status = "expired"
        webhooks.schedule_webhook(Event("checkout.session.expired", session))
        return session

    @classmethod
    def _api_pay(cls, id: str, card: str) -> CheckoutSession:
        """The buyer's side: 402 when the card is declined, and the session stays open."""
        session = cls._api_retrieve(id)
        if session.status != "open":
            raise UserError(400, "This Checkout Session is no longer open")
        number = {"number": card, "exp_month": 12, "exp_year": 2030, "cvc": "123"}
        method = PaymentMethod(type="card", card=number)
        intent = PaymentIntent._api_create(
            amount=session.amount_total,
            currency=session.currency,
            payment_method=method.id,
            metadata=session._intent_data.get("metadata"),
            confirm=True,
        )
        session.status, session.payment_status, session.payment_intent = "complete", "paid", intent.id
        webhooks.schedule_webhook(Event("checkout.session.completed", session))
        return session


def _balance(
    cls: Any, url: str, limit: Any = None, starting_after: Any = None, created: Any = None, **more: Any
) -> Any:
    created = created or {}
    listed = super(BalanceTransaction, cls)._api_list_all(url, limit, starting_after, **more)
    since, until = int(created.get("gte", 0)), int(created.get("lt", 1 << 40))
    listed._list = [one for one in listed._list if since <= one.created < until]
    listed._list.sort(key=lambda one: one.created, reverse=True)
    return listed


class LocalStripe:
    """`refund_status` is what new refunds are in; `keys` the idempotency keys that came."""

    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, web.Response]] = {}
        self.refund_status = "succeeded"
        self.down = False
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        resources.store.dump_to_disk = lambda: None  # type: ignore[method-assign]
        BalanceTransaction._api_list_all = classmethod(_balance)  # type: ignore[method-assign, assignment]
        for name, act in (("expire", CheckoutSession._api_expire), ("_pay", CheckoutSession._api_pay)):
            url = f"/v1/checkout/sessions/{{id}}/{name}"
            app.router.add_post(url, api_extra(act, url))
        app.router.add_post("/v1/checkout/sessions", api_create(CheckoutSession, ""))
        app.router.add_get("/v1/checkout/sessions/{id}", api_retrieve(CheckoutSession, ""))
        app.middlewares.insert(1, self._as_the_real_one)
        self._thread.start()
        self.url = self._call(self._serve())

    async def _serve(self) -> str:
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]

    def stop(self) -> None:
        self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _call(self, work: Any) -> Any:
        done: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return done.result(10)

    def reset(self) -> None:
        self.refund_status, self.down = "succeeded", False

    @web.middleware
    async def _as_the_real_one(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.down:
            return json_response({"error": {"type": "api_error", "message": "down"}}, status=503)
        raw, key = await request.read(), request.headers.get("Idempotency-Key")
        asked = f"{request.path}:{hashlib.sha256(raw).hexdigest()}"
        if request.method == "POST" and key and key in self.keys:
            before, answer = self.keys[key]
            if before != asked:
                wrong = {"type": "idempotency_error", "message": "another request used this key"}
                return json_response({"error": wrong}, status=400)
            return web.Response(body=answer.body, status=answer.status, content_type="application/json")
        if request.method == "POST" and request.path == "/v1/refunds":
            _must_fit(await request.post())
        answer = await handler(request)
        if request.method == "POST" and request.path == "/v1/refunds" and self.refund_status != "succeeded":
            made = json.loads(answer.body)
            resources.Refund._api_retrieve(made["id"]).status = self.refund_status
            answer = json_response(made | {"status": self.refund_status})
        if request.method == "POST" and key:
            self.keys[key] = (asked, answer)
        return answer

    # What happens outside the merchant's server

    def pay(self, session_id: str, card: str = GOOD_CARD) -> dict[str, Any]:
        """Raises `UserError` when the card is declined."""

        async def paid() -> dict[str, Any]:
            return CheckoutSession._api_pay(session_id, card)._export()

        return self._call(paid())

    def session(self, session_id: str) -> dict[str, Any]:
        return CheckoutSession._api_retrieve(session_id)._export()

    def refunds_of(self, intent: str) -> list[Any]:
        found = [one for one in resources.store.values() if isinstance(one, resources.Refund)]
        return [one for one in found if one.payment_intent == intent]

    def sends_notices_to(self, url: str) -> None:
        webhooks.register_webhook("here", url, SECRET, None)

    def told(self, kind: str, thing: dict[str, Any], **event: Any) -> tuple[bytes, dict[str, str]]:
        """A notice as it is sent: raw body and headers."""

        async def made() -> dict[str, Any]:
            return Event(kind, _Shown(thing))._export()

        raw = json.dumps(self._call(made()) | event).encode()
        return raw, {
            "Stripe-Signature": stripe.WebhookSignature.generate_signature_header(raw.decode(), SECRET)
        }


class _Shown:
    def __init__(self, thing: dict[str, Any]) -> None:
        self._thing = thing

    def _export(self) -> dict[str, Any]:
        return self._thing


def _must_fit(asked: Any) -> None:
    intent = PaymentIntent._api_retrieve(asked["payment_intent"])
    known = [one for one in resources.store.values() if isinstance(one, resources.Refund)]
    sent = sum(one.amount for one in known if one.payment_intent == intent.id and one.status != "failed")
    if sent + int(asked["amount"]) > intent.amount:
        raise UserError(
            400, "Refund amount is greater than unrefunded amount", {"code": "charge_already_refunded"}
        )
