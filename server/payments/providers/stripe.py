"""Stripe, by its official library: the buyer pays on Stripe's own page (a Checkout session), so that no script of
another site runs on ours. Documentation: https://docs.stripe.com/api/checkout/sessions
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

import stripe

from server.kit.clock import SHOP_ZONE
from server.kit.settings import StripeAccount
from server.payments.models import Payment, Refund
from server.payments.providers.port import (
    WINDOW_S,
    BadNotice,
    Begun,
    Notice,
    ProviderError,
    ProviderRefused,
    Redirect,
    RefundNotice,
    Returned,
    Standing,
    StatementLine,
    UnreadableStatement,
)

PATIENCE_S = 12
OPEN_FOR = timedelta(hours=1)
"""A session is open for half an hour at least; the worker closes it when the order's own time is over."""
NO_DECIMALS = frozenset(
    [
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "ugx",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    ]
)
"""https://docs.stripe.com/currencies#zero-decimal"""
KINDS = {"charge": "payment", "payment": "payment", "refund": "refund", "payment_refund": "refund"}
COLUMNS = {
    "at": ("created_utc", "created", "Created (UTC)", "Created date (UTC)"),
    "kind": ("reporting_category", "Type", "type"),
    "amount": ("gross", "Amount", "amount"),
    "source": ("source_id", "Source", "source"),
    "trade": ("payment_intent_id", "PaymentIntent ID"),
    "payment": ("payment_metadata[payment_id]", "payment_id (metadata)"),
    "refund": ("refund_metadata[refund_id]", "refund_id (metadata)"),
}
"""What is read of a balance report or export, and by which names it goes there."""

T = TypeVar("T")


class Stripe:
    name = "stripe"

    def __init__(self, account: StripeAccount, base_url: str) -> None:
        self._account, self._base_url = account, base_url
        self._http: stripe.HTTPXClient | None = None

    @cached_property
    def _client(self) -> stripe.StripeClient:
        """Made at the first call: it reads the system's certificates, and belongs to the loop that it is used in."""
        self._http = stripe.HTTPXClient(timeout=PATIENCE_S)
        return stripe.StripeClient(
            self._account.secret_key,
            base_addresses={"api": self._account.api},
            http_client=self._http,
            max_network_retries=0,
        )

    async def begin(self, payment: Payment) -> Begun:
        back = f"{self._base_url}{payment.return_url}"
        ends_at = payment.created_at + OPEN_FOR
        ours = {"payment_id": str(payment.id)}
        session = await _answer(
            self._client.v1.checkout.sessions.create_async(
                {
                    "mode": "payment",
                    "client_reference_id": str(payment.id),
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": self._account.currency,
                                "unit_amount": payment.amount_minor,
                                "product_data": {"name": payment.title[:250]},
                            },
                        }
                    ],
                    "metadata": ours,
                    "payment_intent_data": {"metadata": ours, "description": payment.title[:250]},
                    "success_url": back,
                    "cancel_url": back,
                    "expires_at": int(ends_at.timestamp()),
                },
                {"idempotency_key": f"payment-{payment.id}"},
            )
        )
        if not session.url:
            raise ProviderError("a session without an address")
        return Begun(Redirect(session.url), ref=session.id, ends_at=ends_at)

    async def look(self, payment: Payment) -> Standing:
        if payment.provider_ref is None:  # nobody was given its address
            return Standing("pending")
        session = await _answer(
            self._client.v1.checkout.sessions.retrieve_async(
                payment.provider_ref, {"expand": ["payment_intent.latest_charge"]}
            )
        )
        return self._standing(session.to_dict())

    async def close(self, payment: Payment) -> Standing:
        if payment.provider_ref is None:
            return Standing("failed")
        try:
            await _answer(self._client.v1.checkout.sessions.expire_async(payment.provider_ref))
        except ProviderRefused:  # complete or expired already
            return await self.look(payment)
        return Standing("failed")

    def _standing(self, session: Mapping[str, Any]) -> Standing:
        if session["status"] == "expired":
            return Standing("failed")
        if session["status"] != "complete" or session["payment_status"] != "paid":
            return Standing("pending")
        if session["currency"] != self._account.currency:
            raise ProviderError("paid in another currency")
        intent = session["payment_intent"]
        charge = intent.get("latest_charge") or {}
        return Standing("succeeded", session["amount_total"], intent["id"], _moment(charge.get("created")))

    def read_notice(
        self, headers: Mapping[str, str], raw: bytes, now: datetime
    ) -> Notice | RefundNotice | None:
        signature = headers.get("stripe-signature", "")
        try:
            stripe.WebhookSignature.verify_header(raw, signature, self._account.webhook_secret)
            stamp = int(next(part[2:] for part in signature.split(",") if part.startswith("t=")))
            if abs(now.timestamp() - stamp) > WINDOW_S:
                raise BadNotice("too old")
            event = json.loads(raw)
            return self._notice(event["id"], event["type"], event["data"]["object"], event["created"])
        except (stripe.SignatureVerificationError, UnicodeDecodeError, StopIteration):
            raise BadNotice("wrong signature") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadNotice(f"{type(error).__name__} in the notice") from None

    def _notice(
        self, event_id: str, kind: str, thing: Mapping[str, Any], created: int
    ) -> Notice | RefundNotice | None:
        match kind:
            case "checkout.session.completed" | "checkout.session.async_payment_succeeded":
                if thing["payment_status"] != "paid":
                    return None
                return self._payment_notice(event_id, thing, True, created)
            case "checkout.session.async_payment_failed" | "checkout.session.expired":
                return self._payment_notice(event_id, thing, False, created)
            case "refund.updated" | "refund.failed" | "charge.refund.updated":
                refund_id = (thing.get("metadata") or {}).get("refund_id")
                returned = _returned(thing)
                if refund_id is None or returned.status == "under_way":
                    return None
                return RefundNotice(event_id, UUID(refund_id), int(thing["amount"]), returned)
        return None

    def _payment_notice(
        self, event_id: str, session: Mapping[str, Any], succeeded: bool, created: int
    ) -> Notice | None:
        """None for a session that somebody else made in this account."""
        if session.get("client_reference_id") is None:
            return None
        if session["currency"] != self._account.currency:
            raise BadNotice("in another currency")
        number = UUID(session["client_reference_id"])
        trade_no = str(session["payment_intent"]) if succeeded else ""
        at = _moment(created)
        return Notice(str(event_id), number, succeeded, int(session["amount_total"]), trade_no, at)

    async def refund(self, payment: Payment, refund: Refund) -> Returned:
        """Stripe forgets an idempotency key after a day, and an answer kept under it is the first one: what was asked
        before is looked for."""
        if refund.provider_ref:
            return _returned(
                (await _answer(self._client.v1.refunds.retrieve_async(refund.provider_ref))).to_dict()
            )
        if payment.trade_no is None:
            raise ProviderRefused("the payment has no PaymentIntent")
        if refund.round or refund.checks > 1:
            known = await _answer(
                self._client.v1.refunds.list_async({"payment_intent": payment.trade_no, "limit": 100})
            )
            for one in known.data:
                found = one.to_dict()
                if (found.get("metadata") or {}).get("refund_id") == str(refund.id):
                    returned = _returned(found)
                    if returned.status != "failed":
                        return returned
        made = await _answer(
            self._client.v1.refunds.create_async(
                {
                    "payment_intent": payment.trade_no,
                    "amount": refund.amount_minor,
                    "metadata": {"refund_id": str(refund.id)},
                },
                {"idempotency_key": f"refund-{refund.id}-{refund.round}"},
            )
        )
        return _returned(made.to_dict())

    async def statement(self, day: date) -> bytes:
        """The day's balance transactions, in the columns of Stripe's own itemized balance report."""
        begin = datetime(day.year, day.month, day.day, tzinfo=SHOP_ZONE)
        end = begin + timedelta(days=1)
        out = io.StringIO()
        sheet = csv.writer(out)
        sheet.writerow(["balance_transaction_id", *(names[0] for names in COLUMNS.values())])
        page = await _answer(
            self._client.v1.balance_transactions.list_async(
                {
                    "created": {"gte": int(begin.timestamp()), "lt": int(end.timestamp())},
                    "expand": ["data.source"],
                    "limit": 100,
                }
            )
        )
        try:
            async for one in page.auto_paging_iter():
                entry = one.to_dict()
                if entry["reporting_category"] in KINDS:
                    sheet.writerow(self._row(entry))
        except stripe.StripeError as error:
            raise ProviderError(str(error)) from None
        return out.getvalue().encode()

    def _row(self, entry: Mapping[str, Any]) -> list[str]:
        source = entry["source"]
        metadata = source.get("metadata") or {}
        amount = Decimal(entry["amount"]) / self._units
        return [
            entry["id"],
            datetime.fromtimestamp(entry["created"], UTC).strftime("%Y-%m-%d %H:%M:%S"),
            entry["reporting_category"],
            str(amount),
            source["id"],
            source.get("payment_intent") or "",
            metadata.get("payment_id", ""),
            metadata.get("refund_id", ""),
        ]

    @property
    def _units(self) -> int:
        return 1 if self._account.currency in NO_DECIMALS else 100

    def read_statement(self, raw: bytes) -> Sequence[StatementLine]:
        """Stripe's itemized "balance change from activity" report, or the dashboard's export of balances."""
        try:
            rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
        except (UnicodeDecodeError, csv.Error):
            raise UnreadableStatement(errors=[{"field": "", "message": "no UTF-8 CSV"}]) from None
        header = set(rows[0]) if rows else set(raw.decode("utf-8-sig").strip().split(","))
        named = {what: next((n for n in names if n in header), None) for what, names in COLUMNS.items()}
        needed = [COLUMNS[what][0] for what in ("at", "kind", "amount", "source") if named[what] is None]
        if needed:
            raise UnreadableStatement(errors=[{"field": name, "message": "is missing"} for name in needed])
        values = ({what: row.get(name or "") or "" for what, name in named.items()} for row in rows)
        return [self._line(one) for one in values if one["kind"] in KINDS]

    def _line(self, row: Mapping[str, str]) -> StatementLine:
        refund = KINDS[row["kind"]] == "refund"
        try:
            amount_minor = abs(int(Decimal(row["amount"]) * self._units))
            at = datetime.fromisoformat(row["at"])
        except (ValueError, InvalidOperation):
            raise UnreadableStatement(
                errors=[{"field": "gross", "message": f"{row['amount']!r} at {row['at']!r}"}]
            ) from None
        return StatementLine(
            kind="refund" if refund else "payment",
            number=row["refund" if refund else "payment"].replace("-", ""),
            trade_no=row["source"] if refund else row["trade"] or row["source"],
            amount_minor=amount_minor,
            at=at if at.tzinfo else at.replace(tzinfo=UTC),
        )

    async def aclose(self) -> None:
        if self._http:
            await self._http.close_async()  # type: ignore[no-untyped-call]


async def _answer(call: Awaitable[T]) -> T:
    """Raises `ProviderRefused`, `ProviderError`."""
    try:
        return await call
    except (stripe.RateLimitError, stripe.APIConnectionError) as error:
        raise ProviderError(str(error)) from None
    except stripe.StripeError as error:
        status = error.http_status or 500
        if status >= 500 or status in {409, 429}:
            raise ProviderError(str(error)) from None
        raise ProviderRefused(
            f"{error.code or type(error).__name__}: {error.user_message or error}"
        ) from None


def _returned(refund: Mapping[str, Any]) -> Returned:
    match refund["status"]:
        case "succeeded":
            return Returned("succeeded", refund["id"], at=_moment(refund.get("created")))
        case "failed" | "canceled":
            why = refund.get("failure_reason") or refund["status"]
            return Returned("failed", refund["id"], f"Stripe: {why}")
        case _:
            return Returned("under_way", refund["id"])


def _moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
