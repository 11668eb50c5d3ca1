"""The sandbox cashier: a provider made of test money that behaves like a real one.

It keeps its own side of each trade (`sandbox_trade`), sends its notices over HTTP, signed over the raw body with a time
stamp, at least once; and it can be told to be late, to repeat itself, to say nothing, to refuse a refund.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

import httpx
import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import SHOP_ZONE, utc_now
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.settings import Settings
from server.kit.tokens import derive
from server.payments.models import Payment, Refund, SandboxNotice, SandboxTrade
from server.payments.providers.port import (
    WINDOW_S,
    BadNotice,
    Begun,
    Notice,
    ProviderRefused,
    Redirect,
    Returned,
    Standing,
    StatementLine,
    UnreadableStatement,
)

SIGNATURE_HEADER = "sandbox-signature"
SLOW_REFUND = timedelta(seconds=10)
COLUMNS = ("kind", "number", "trade_no", "amount_minor", "at")


class Rehearsal(msgspec.Struct, frozen=True):
    """What a merchant wants to see happen. The notice comes after `delay_s`, `copies` times; `silent`: never.
    `failure_after`: word of an earlier, failed try comes after the success. `refunds`: prompt, slow (under way for ten
    seconds), refuses (the first try of each)."""

    delay_s: Annotated[int, msgspec.Meta(ge=0, le=600)] = 0
    copies: Annotated[int, msgspec.Meta(ge=1, le=5)] = 1
    silent: bool = False
    failure_after: bool = False
    refunds: str = "prompt"


class Sandbox:
    name = "sandbox"

    def __init__(self, settings: Settings, database: Database) -> None:
        self._base_url = settings.base_url
        self._key = derive(settings.secret, "sandbox-webhook")
        self._database = database

    async def begin(self, payment: Payment) -> Begun:
        async with self._database.transaction() as session:
            await _open(session, payment)
        return Begun(Redirect(f"{self._base_url}/sandbox/payments/{payment.id}"))

    async def look(self, payment: Payment) -> Standing:
        async with self._database.transaction() as session:
            trade = await session.get(SandboxTrade, payment.id)
        if trade is None or trade.status == "open":
            return Standing("pending")
        if trade.status == "declined":
            return Standing("failed")
        return Standing("succeeded", trade.amount_minor, trade.trade_no, trade.decided_at)

    async def close(self, payment: Payment) -> Standing:
        """Its cashier stays open, so that money which crosses the closing can be rehearsed."""
        standing = await self.look(payment)
        return standing if standing.status == "succeeded" else Standing("failed")

    async def refund(self, payment: Payment, refund: Refund) -> Returned:
        now = utc_now()
        async with self._database.transaction() as session:
            await _open(session, payment)
            trade = await session.get_one(SandboxTrade, payment.id, with_for_update=True)
            number = refund.id.hex
            found = next((entry for entry in trade.refunds if entry["number"] == number), None)
            if found is None:
                if trade.refund_mood == "refuses" and refund.round == 0:
                    raise ProviderRefused("the sandbox was told to refuse each refund once")
                if sum(e["amount_minor"] for e in trade.refunds) + refund.amount_minor > trade.amount_minor:
                    raise ProviderRefused("more than was paid")
                done = now + SLOW_REFUND if trade.refund_mood == "slow" else now
                found = {
                    "number": number,
                    "amount_minor": refund.amount_minor,
                    "at": now.isoformat(),
                    "done_at": done.isoformat(),
                }
                trade.refunds = [*trade.refunds, found]
        done_at = datetime.fromisoformat(found["done_at"])
        if done_at > now:
            return Returned("under_way", number)
        return Returned("succeeded", number, at=done_at)

    async def decide(self, session: AsyncSession, payment: Payment, approved: bool, how: Rehearsal) -> None:
        """A button of the cashier was pressed; pressed again, nothing more happens."""
        await _open(session, payment)
        trade = await session.get_one(SandboxTrade, payment.id, with_for_update=True)
        if trade.status != "open":
            return
        now = utc_now()
        trade.status = "paid" if approved else "declined"
        trade.decided_at, trade.refund_mood = now, how.refunds
        word = Notice(f"evt_{uuid7().hex}", payment.id, approved, trade.amount_minor, trade.trade_no, now)
        if not approved:
            word = msgspec.structs.replace(word, trade_no="")
        words = [] if how.silent else [word] * how.copies
        if how.failure_after:
            words.append(Notice(f"evt_{uuid7().hex}", payment.id, False, trade.amount_minor, at=now))
        session.add_all(
            SandboxNotice(
                body=msgspec.to_builtins(each), due_at=now + timedelta(seconds=how.delay_s + 0.2 * turn)
            )
            for turn, each in enumerate(words)
        )

    async def send_due(self, web: httpx.AsyncClient) -> None:
        """Send what is due to this installation's own webhook, as a provider would: what is not taken (5xx) comes again
        in two seconds, what is refused (4xx) doesn't."""
        async with self._database.transaction() as session:
            due = await session.execute(
                text(
                    "UPDATE sandbox_notice SET due_at = now() + interval '2 s' WHERE id IN (SELECT id FROM "
                    "sandbox_notice WHERE due_at <= now() ORDER BY due_at LIMIT 50 FOR UPDATE SKIP LOCKED) "
                    "RETURNING id, body, due_at"
                )
            )
            rows = due.all()
        for row in sorted(rows, key=lambda row: row.id):
            raw, headers = self.signed(msgspec.convert(row.body, Notice), utc_now())
            try:
                answer = await web.post("/api/payments/webhooks/sandbox", content=raw, headers=headers)
            except httpx.TransportError:
                return
            if answer.status_code < 500:
                async with self._database.transaction() as session:
                    await session.execute(text("DELETE FROM sandbox_notice WHERE id = :id"), {"id": row.id})

    def signed(self, notice: Notice, now: datetime) -> tuple[bytes, dict[str, str]]:
        """The raw body and headers of a notice, as the provider's side sends them."""
        raw = msgspec.json.encode(notice)
        stamp = int(now.timestamp())
        return raw, {
            SIGNATURE_HEADER: f"t={stamp},v1={self._mac(stamp, raw)}",
            "content-type": "application/json",
        }

    def read_notice(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> Notice:
        parts = dict(
            part.split("=", 1) for part in headers.get(SIGNATURE_HEADER, "").split(",") if "=" in part
        )
        stamp = parts.get("t", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
            raise BadNotice("no time stamp")
        if not hmac.compare_digest(self._mac(int(stamp), raw).encode(), parts.get("v1", "").encode()):
            raise BadNotice("wrong signature")
        if abs(now.timestamp() - int(stamp)) > WINDOW_S:
            raise BadNotice("too old")
        try:
            return msgspec.json.decode(raw, type=Notice)
        except msgspec.MsgspecError as error:
            raise BadNotice(str(error)) from None

    def _mac(self, stamp: int, raw: bytes) -> str:
        return hmac.new(self._key, f"{stamp}.".encode() + raw, hashlib.sha256).hexdigest()

    async def statement(self, day: date) -> bytes:
        begin = datetime(day.year, day.month, day.day, tzinfo=SHOP_ZONE)
        end = begin + timedelta(days=1)
        out = io.StringIO()
        sheet = csv.writer(out)
        sheet.writerow(COLUMNS)
        async with self._database.transaction() as session:
            paid = select(SandboxTrade).where(SandboxTrade.status == "paid").order_by(col(SandboxTrade.id))
            for trade in await session.exec(paid):
                moves = [("payment", trade.id.hex, trade.amount_minor, trade.decided_at)]
                for entry in trade.refunds:
                    done_at = datetime.fromisoformat(entry["done_at"])
                    moves.append(("refund", entry["number"], entry["amount_minor"], done_at))
                for kind, number, amount_minor, at in moves:
                    if at and begin <= at < end:
                        sheet.writerow((kind, number, trade.trade_no, amount_minor, at.isoformat()))
        return out.getvalue().encode()

    def read_statement(self, raw: bytes) -> Sequence[StatementLine]:
        try:
            rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
            return [msgspec.convert(row, StatementLine, strict=False) for row in rows]
        except (UnicodeDecodeError, csv.Error, msgspec.ValidationError) as error:
            raise UnreadableStatement(errors=[{"field": "", "message": str(error)}]) from None

    async def aclose(self) -> None:
        pass


async def _open(session: AsyncSession, payment: Payment) -> None:
    """The sandbox's side of a payment. Of one from before there was such a side, what our books say."""
    paid = payment.status == "succeeded"
    await session.execute(
        insert(SandboxTrade)
        .values(
            id=payment.id,
            amount_minor=payment.amount_minor,
            trade_no=f"sbx_{payment.id.hex}",
            status="paid" if paid else "open",
            decided_at=payment.succeeded_at,
            refund_mood="prompt",
            refunds=[],
        )
        .on_conflict_do_nothing()
    )
