"""Whose customer is this, and why: rules in order, pure, with a version that every credit keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from server.attribution.policy import Policy

RULES_VERSION = 3
"""Raise it with any change of `refusal`, `carrier` or `splits`: booked credits keep the one they were made by."""

RELOAD = timedelta(minutes=10)
"""Opening the same link again within this time is the same touch."""

REGULAR_FROM = 3


class Rule(StrEnum):
    """In the order in which they are tried; `DECISION` is headquarters', on a guide's appeal."""

    BOUND_GUIDE = "bound-guide"
    BOUND_STORE = "bound-store"
    LAST_TOUCH = "last-touch"
    ROOM_STORE = "room-store"
    BRAND = "brand"
    DECISION = "decision"


class StoreName(msgspec.Struct, frozen=True):
    store_id: UUID
    name: str


class GuideName(msgspec.Struct, frozen=True):
    account_id: UUID
    name: str


class MemberName(msgspec.Struct, frozen=True):
    member_id: UUID
    name: str


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """`member` is set for a re-share, and is then the inviter; otherwise the guide is, or the store. `guide_gone`:
    their account is disabled; `store_gone`: it is closed."""

    link_id: UUID
    code: str
    channel: str = ""
    room_id: UUID | None = None
    store: StoreName | None = None
    guide: GuideName | None = None
    member: MemberName | None = None
    campaign_id: UUID | None = None
    guide_gone: bool = False
    store_gone: bool = False

    @property
    def inviter_id(self) -> UUID | None:
        return self.member.member_id if self.member else None

    @property
    def present_guide(self) -> GuideName | None:
        """A guide who has left leaves their links to the store."""
        return None if self.guide_gone else self.guide

    @property
    def notice(self) -> str | None:
        """Whom it stands for no more."""
        if self.store_gone:
            return "store-closed"
        return "guide-gone" if self.guide_gone else None


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """`until`: how long it carries, by the policy that was in force when it happened."""

    touch_id: UUID
    at: datetime
    until: datetime
    link: Link
    refused: str | None = None
    campaign_id: UUID | None = None


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """The newest binding of a member; one that was released has no guide. `number` counts a member's bindings."""

    binding_id: UUID
    number: int
    since: datetime
    until: datetime
    reason: str
    guide: GuideName | None = None
    store: StoreName | None = None
    guide_gone: bool = False
    store_gone: bool = False

    def protects(self, now: datetime) -> bool:
        """A closed store's binding stands for nobody, nor does that of a guide who left and had no store."""
        stands = self.guide is not None and not self.store_gone and any(self.carrier)
        return stands and self.since <= now < self.until

    @property
    def carrier(self) -> tuple[UUID | None, UUID | None]:
        """Store and guide. A guide who has left leaves the member to the store."""
        store_id = self.store.store_id if self.store else None
        return store_id, (self.guide.account_id if self.guide and not self.guide_gone else None)


class Carrier(msgspec.Struct, frozen=True):
    """Who carries a viewer in a room."""

    rule: Rule
    store_id: UUID | None = None
    guide_id: UUID | None = None
    link_id: UUID | None = None


class Reach(msgspec.Struct, frozen=True):
    """Which stores a room is for, among those asked about; `None` is all, and guides without a store."""

    stores: frozenset[UUID] | None = None

    def takes(self, store_id: UUID | None, guide_id: UUID | None) -> bool:
        """Whether these carry in the room. The brand, who is neither, always does."""
        if self.stores is None or (store_id is None and guide_id is None):
            return True
        return store_id in self.stores


EVERYWHERE = Reach()


def refusal(member_id: UUID, chain: Sequence[Link]) -> str | None:
    """Why a member's touch of `chain[0]` does not count; `chain` goes on with the links it was shared from. A link of a
    closed store, and of a guide who had none and has left, stands for nobody."""
    if chain[0].inviter_id == member_id:
        return "self-invite"
    if any(link.inviter_id == member_id for link in chain[1:]):
        return "loop"
    if chain[0].store_gone or (chain[0].guide_gone and chain[0].store is None):
        return chain[0].notice
    return None


def is_reload(latest: Touched | None, link_id: UUID, now: datetime) -> bool:
    return latest is not None and latest.link.link_id == link_id and now - latest.at < RELOAD


def carrier(
    touches: Sequence[Touched],
    bound: Bound | None,
    room_store_id: UUID | None,
    now: datetime,
    reach: Reach = EVERYWHERE,
) -> Carrier:
    """The guide that the member is bound to, while protected; else the last touch that counts and still carries; else
    the room's own store; else the brand. The link of that last touch is kept also where the bound guide carries: it
    says who shared. A guide or store that the room is not for carries nobody there: the next rule decides.

    A touch or binding a little ahead of `now` counts: it was written by a process whose clock is ahead.
    """
    valid = [t for t in touches if t.refused is None and t.until >= now and reach.takes(*carrier_of(t.link))]
    link = max(valid, key=lambda t: (t.at, t.touch_id)).link if valid else None
    if bound is not None and bound.protects(max(now, bound.since)) and reach.takes(*bound.carrier):
        store_id, guide_id = bound.carrier
        rule = Rule.BOUND_GUIDE if guide_id else Rule.BOUND_STORE
        return Carrier(rule, store_id, guide_id, link.link_id if link else None)
    if link is not None:
        guide = link.present_guide
        return Carrier(
            Rule.LAST_TOUCH, carrier_of(link)[0], guide.account_id if guide else None, link.link_id
        )
    if room_store_id is not None:
        return Carrier(Rule.ROOM_STORE, room_store_id)
    return Carrier(Rule.BRAND)


def carrier_of(link: Link) -> tuple[UUID | None, UUID | None]:
    """Store and guide."""
    return (
        link.store.store_id if link.store else None,
        link.guide.account_id if link.guide else None,
    )


def rule_of(
    store_id: UUID | None, guide_id: UUID | None, link: Link | None, bound: Bound | None, now: datetime
) -> Rule:
    """The rule that an order was carried by, read from what the claim fixed. `bound`: the member's binding at `now`,
    when the order was placed."""

    def carried(by: tuple[UUID | None, UUID | None]) -> bool:
        return by[1] == guide_id and by[0] in (
            None,
            store_id,
        )  # without a store of one's own, it is the room's

    if guide_id is not None and not (link and carried(carrier_of(link))):
        return Rule.BOUND_GUIDE
    if bound is not None and bound.protects(now) and carried(bound.carrier):
        return Rule.BOUND_GUIDE if guide_id else Rule.BOUND_STORE
    if link is not None:
        return Rule.LAST_TOUCH if carrier_of(link)[0] in (None, store_id) else Rule.BOUND_STORE
    return Rule.ROOM_STORE if store_id is not None else Rule.BRAND


def binds_now(policy: Policy, moment: str, guide_id: UUID | None, bound: Bound | None, now: datetime) -> bool:
    """Whether a counted touch or a paid order (`moment`: `first_touch`, `first_order`) binds the member to its guide.
    Who is protected stays with whom they have."""
    if guide_id is None or policy.binds != moment:
        return False
    return bound is None or not bound.protects(now)


def renews_now(policy: Policy, guide_id: UUID | None, bound: Bound | None, now: datetime) -> bool:
    """Whether a paid order through the bound guide begins the protection anew."""
    if bound is None or bound.guide is None or not policy.renews or policy.binds == "never":
        return False
    longer = now + policy.protection > bound.until
    return bound.guide.account_id == guide_id and bound.protects(now) and longer


def sharers(chain: Sequence[Link], buyer_id: UUID) -> list[UUID]:
    """Members who shared, nearest to the buyer first: nobody twice, and never the buyer."""
    ids = (link.inviter_id for link in chain)
    return [who for who in dict.fromkeys(ids) if who is not None and who != buyer_id]


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What a credit stands on. `touches`: newest first; `chain`: the link that brought the buyer, then those it was
    shared from; `placed_at`: when the order was; `policy`: the one in force then; `reach`: the room's, as it is now."""

    placed_at: datetime
    policy: Policy
    policy_version: int
    touches: Sequence[Touched] = ()
    chain: Sequence[Link] = ()
    bound: Bound | None = None
    reach: Reach = EVERYWHERE

    def deciding(self, link_id: UUID | None) -> Touched | None:
        """The newest touch that counts of the link which brought the buyer."""
        ours = [t for t in self.touches if t.refused is None and t.link.link_id == link_id]
        return max(ours, key=lambda t: (t.at, t.touch_id), default=None)


def why(rule: Rule, link_id: UUID | None, ground: Ground, amount_minor: int) -> dict[str, Any]:
    """What a credit keeps for its "why this credit" page, as plain JSON.

    `touches`: newest first, `counted` marks the one that decided, and `outcome` says it in one word for each
    (`counted`, `brought`: it brought the buyer, whose guide is bound; `earlier`, `after-order`, `out-of-reach`: the
    room is not for that store; or why it was refused); `binding_out_of_reach`: the same of the bound guide's;
    `chain`: the inviters from the first to the one who brought the buyer; `sums`: in minor units.
    """
    newest = sorted(ground.touches, key=lambda t: (t.at, t.touch_id), reverse=True)
    deciding = ground.deciding(link_id)
    by_binding = rule in (Rule.BOUND_GUIDE, Rule.BOUND_STORE)

    def outcome(touch: Touched) -> str:
        if touch.refused is not None:
            return touch.refused
        if touch is deciding:
            return "brought" if by_binding else "counted"
        if touch.at > ground.placed_at:
            return "after-order"
        return "earlier" if ground.reach.takes(*carrier_of(touch.link)) else "out-of-reach"

    body: dict[str, Any] = msgspec.to_builtins(
        {
            "touches": [
                {
                    "touch_id": touch.touch_id,
                    "at": touch.at,
                    "code": touch.link.code,
                    "channel": touch.link.channel,
                    "store": touch.link.store,
                    "guide": touch.link.guide,
                    "inviter": touch.link.member,
                    "refused": touch.refused,
                    "counted": touch is deciding,
                    "outcome": outcome(touch),
                }
                for touch in newest
            ],
            "chain": [_inviter(link) for link in reversed(ground.chain)],
            "sums": {"order_minor": amount_minor, "credit_minor": amount_minor},
            "window_days": ground.policy.window_days,
            "placed_at": ground.placed_at,
            "binding": ground.bound,
            "binding_out_of_reach": ground.bound is not None
            and not ground.reach.takes(*ground.bound.carrier),
        }
    )
    return body


def _inviter(link: Link) -> dict[str, Any]:
    if link.member:
        kind, who_id, name = "member", link.member.member_id, link.member.name
    elif link.guide:
        kind, who_id, name = "guide", link.guide.account_id, link.guide.name
    elif link.store:
        kind, who_id, name = "store", link.store.store_id, link.store.name
    else:
        return {"kind": "brand", "id": None, "name": "", "code": link.code, "channel": link.channel}
    return {"kind": kind, "id": who_id, "name": name, "code": link.code, "channel": link.channel}


def tags(orders: int, earlier_visits: int) -> list[str]:
    """What a guide should know at a glance; the page has the words."""
    if orders >= REGULAR_FROM:
        return ["regular"]
    if orders:
        return ["buyer"]
    return ["returning"] if earlier_visits else ["new"]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    visits: int = 0
    new_members: int = 0
    orders: int = 0
    amount_minor: int = 0
    reversed_minor: int = 0

    @property
    def net_minor(self) -> int:
        return self.amount_minor - self.reversed_minor

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            visits=self.visits + other.visits,
            new_members=self.new_members + other.new_members,
            orders=self.orders + other.orders,
            amount_minor=self.amount_minor + other.amount_minor,
            reversed_minor=self.reversed_minor + other.reversed_minor,
        )


class Ranked(msgspec.Struct, frozen=True):
    rank: int
    guide: GuideName
    figures: Figures


def ranking(figures: Mapping[GuideName, Figures]) -> list[Ranked]:
    """By net amount, then orders, then visits. Equal ones share a rank, and the next rank is left out (1, 1, 3)."""
    rows = sorted(figures.items(), key=lambda row: (*_merit(row[1]), row[0].name, str(row[0].account_id)))
    return [
        Ranked(rank, *row) for rank, row in zip(ranks([_merit(own) for _, own in rows]), rows, strict=True)
    ]


def ranks(merits: Sequence[object]) -> list[int]:
    """Of those that are in order: equal ones share a rank, and the next rank is left out (1, 1, 3)."""
    found: list[int] = []
    for place, merit in enumerate(merits):
        found.append(found[-1] if place and merits[place - 1] == merit else place + 1)
    return found


def _merit(figures: Figures) -> tuple[int, int, int]:
    return (-figures.net_minor, -figures.orders, -figures.visits)
