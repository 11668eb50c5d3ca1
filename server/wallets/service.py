"""The ledger of members' money: booked in pairs, never edited, and each wallet's balance kept beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows
from server.kit.facts import record
from server.kit.idempotency import KeyReused
from server.kit.ids import uuid7
from server.kit.problems import Problem
from server.kit.settings import Settings
from server.members import service as members
from server.payments import service as payments
from server.payments.models import Payment
from server.wallets.facts import WalletMerged, WalletToppedUp
from server.wallets.rules import Entry, WalletName, balanced, cash, of_member

STATEMENT_LINES = 50


class InsufficientFunds(Problem):
    """`balance_minor` is what there is."""

    status, slug, title = 409, "insufficient-funds", "There is not enough in the wallet; top it up first"


class BookedOtherwise(RuntimeError):
    """A key was used again for other entries: a mistake of the caller, and nothing is booked."""


class Booked(msgspec.Struct, frozen=True):
    """`fresh` is false when the key was booked before. `balances` are those of the members' wallets right after this
    journal, whenever it was booked."""

    journal_id: UUID
    fresh: bool
    balances: Mapping[WalletName, int]


class Line(msgspec.Struct, frozen=True):
    kind: str
    amount_minor: int
    at: datetime


_BOOK = text(
    """
    SELECT outcome, journal_id, wallet_kind, owner_id, amount_minor, balance_minor
    FROM book_journal(:brand_id, :kind, :key, CAST(:kinds AS text[]), CAST(:owners AS uuid[]),
                      CAST(:amounts AS bigint[]))
    """
)


async def book(
    session: AsyncSession, brand_id: UUID, kind: str, key: str, entries: Iterable[Entry]
) -> Booked:
    """One journal: all entries or none, in one statement, which holds the wallets' locks until the commit.

    The same key gives the same journal, booked once. Raises `InsufficientFunds` (409) when a member's wallet would
    fall below zero, `Unbalanced` and `BookedOtherwise` on a caller's mistake.
    """
    changes = balanced(entries)
    result = await session.execute(
        _BOOK,
        {
            "brand_id": brand_id,
            "kind": kind,
            "key": key,
            "kinds": [wallet.kind for wallet in changes],
            "owners": [wallet.owner_id for wallet in changes],
            "amounts": list(changes.values()),
        },
    )
    rows = result.all()
    if rows[0].outcome == "short":
        raise InsufficientFunds(balance_minor=rows[0].balance_minor)
    written = {WalletName(row.wallet_kind, row.owner_id): row for row in rows}
    if {wallet: row.amount_minor for wallet, row in written.items()} != changes:
        raise BookedOtherwise(f"{key!r} was booked with other entries")
    return Booked(
        journal_id=rows[0].journal_id,
        fresh=rows[0].outcome == "booked",
        balances={wallet: row.balance_minor for wallet, row in written.items() if wallet.kind == "member"},
    )


async def balance(session: AsyncSession, brand_id: UUID, member_id: UUID) -> int:
    row = await session.execute(
        text(
            "SELECT balance_minor FROM wallet WHERE brand_id = :brand AND kind = 'member' AND owner_id = :owner"
        ),
        {"brand": brand_id, "owner": member_id},
    )
    return row.scalar_one_or_none() or 0


async def balance_after(session: AsyncSession, journal_id: UUID) -> int:
    """What the member's wallet of a journal held right after it."""
    row = await session.execute(
        text(
            """
            SELECT sum(earlier.amount_minor)::bigint
            FROM wallet_entry e
            JOIN wallet w ON w.id = e.wallet_id AND w.kind = 'member'
            JOIN wallet_entry earlier ON earlier.wallet_id = e.wallet_id AND earlier.seq <= e.seq
            WHERE e.journal_id = :journal
            """
        ),
        {"journal": journal_id},
    )
    return row.scalar_one()  # type: ignore[no-any-return]


async def statement(session: AsyncSession, brand_id: UUID, member_id: UUID) -> list[Line]:
    """The newest bookings of a member's wallet."""
    rows = await session.execute(
        text(
            """
            SELECT j.kind, e.amount_minor, j.at
            FROM wallet w JOIN wallet_entry e ON e.wallet_id = w.id JOIN journal j ON j.id = e.journal_id
            WHERE w.brand_id = :brand AND w.kind = 'member' AND w.owner_id = :owner
            ORDER BY e.seq DESC LIMIT :lines
            """
        ),
        {"brand": brand_id, "owner": member_id, "lines": STATEMENT_LINES},
    )
    return [Line(*row) for row in rows]


async def start_top_up(
    session: AsyncSession,
    settings: Settings,
    *,
    brand_id: UUID,
    member_id: UUID,
    amount_minor: int,
    provider: str,
    return_url: str,
    key: str | None = None,
    scene: payments.Scene = "desktop",
    payer: dict[str, Any] | None = None,
) -> Payment:
    """A payment that fills the wallet once it succeeds. The same key is the same payment, paid or not.

    Raises `KeyReused` (422), and what `payments.create` raises.
    """
    payment = await payments.create(
        session,
        settings,
        brand_id=brand_id,
        member_id=member_id,
        payable="top_up",
        payable_id=uuid5(member_id, key) if key else uuid7(),
        provider=provider,
        amount_minor=amount_minor,
        title="钱包充值 · Wallet top-up",
        return_url=return_url,
        scene=scene,
        payer=payer,
        once=True,
    )
    if (payment.amount_minor, payment.provider) != (amount_minor, provider):
        raise KeyReused
    return payment


async def settle_top_up(
    session: AsyncSession, brand_id: UUID, payment_id: UUID, member_id: UUID, amount_minor: int
) -> None:
    """The money is here. A guest who was merged meanwhile is paid out to the member."""
    owner_id = await members.present_id(session, member_id)
    wallet = of_member(owner_id)
    booked = await book(
        session,
        brand_id,
        "top_up",
        f"top_up:{payment_id}",
        [(wallet, amount_minor), (cash(brand_id), -amount_minor)],
    )
    if booked.fresh:
        await record(
            session,
            WalletToppedUp(
                brand_id=brand_id,
                member_id=owner_id,
                payment_id=payment_id,
                amount_minor=amount_minor,
                balance_minor=booked.balances[wallet],
            ),
        )


async def merge(session: AsyncSession, brand_id: UUID, guest_id: UUID, member_id: UUID) -> None:
    """Move all of a guest's money to the member. Both wallets are locked first, in the ledger's own order."""
    rows = await session.execute(
        text(
            """
            SELECT owner_id, balance_minor FROM wallet
            WHERE brand_id = :brand AND kind = 'member' AND owner_id IN (:guest, :member)
            ORDER BY owner_id FOR NO KEY UPDATE
            """
        ),
        {"brand": brand_id, "guest": guest_id, "member": member_id},
    )
    amount_minor = {row.owner_id: row.balance_minor for row in rows}.get(guest_id, 0)
    if amount_minor == 0:
        return
    target = of_member(member_id)
    booked = await book(
        session,
        brand_id,
        "merge",
        f"merge:{guest_id}",
        [(of_member(guest_id), -amount_minor), (target, amount_minor)],
    )
    await record(
        session,
        WalletMerged(
            brand_id=brand_id,
            member_id=member_id,
            guest_id=guest_id,
            amount_minor=amount_minor,
            balance_minor=booked.balances[target],
        ),
    )


VERIFY = {
    "wallet_journals_sum_to_zero": """
        SELECT j.id::text, j.kind, j.key, coalesce(sum(e.amount_minor), 0)::bigint AS sum_minor,
               count(e.seq) AS entries
        FROM journal j LEFT JOIN wallet_entry e ON e.journal_id = j.id GROUP BY j.id
        HAVING coalesce(sum(e.amount_minor), 0) <> 0 OR count(e.seq) < 2""",
    "wallet_balances_equal_entries": """
        SELECT w.id::text, w.kind, w.owner_id::text, w.balance_minor,
               coalesce(sum(e.amount_minor), 0)::bigint AS entries_minor
        FROM wallet w LEFT JOIN wallet_entry e ON e.wallet_id = w.id GROUP BY w.id
        HAVING w.balance_minor <> coalesce(sum(e.amount_minor), 0)""",
    "wallet_members_not_negative": """
        SELECT id::text, owner_id::text, balance_minor FROM wallet
        WHERE kind = 'member' AND balance_minor < 0""",
    "wallet_top_ups_equal_payments": """
        SELECT p.id::text, p.amount_minor, j.id::text AS journal_id, j.key, j.booked_minor
        FROM (SELECT id, brand_id, amount_minor, 'top_up:' || id AS key
              FROM payment WHERE payable = 'top_up' AND status = 'succeeded') p
        FULL JOIN (SELECT j.id, j.brand_id, j.key, sum(e.amount_minor) FILTER (WHERE e.amount_minor > 0) AS booked_minor
                   FROM journal j LEFT JOIN wallet_entry e ON e.journal_id = j.id
                   WHERE j.kind = 'top_up' GROUP BY j.id) j ON j.brand_id = p.brand_id AND j.key = p.key
        WHERE p.id IS NULL OR p.amount_minor IS DISTINCT FROM j.booked_minor""",
}
"""Queries that list broken rows; an empty answer is the proof."""


async def verify(session: AsyncSession) -> Broken:
    """Every wallet invariant from the truth: check name → broken rows."""
    return await broken_rows(session, VERIFY)
