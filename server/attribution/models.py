"""Who brought this viewer, and the credit that follows from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import Row, document, minor, moment
from server.kit.ids import uuid7

OF_CAMPAIGN = text("campaign_id IS NOT NULL")

ONE_LINK_EACH = (
    *("room_id", "member_id", "guide_id", "store_id", "parent_id", "channel", "product_id", "campaign_id"),
)


class PosterTemplate(SQLModel, table=True):
    """How a brand's posters look. `colour` is `#rrggbb`; `logo` and `background` are hashes of kept pictures."""

    __tablename__ = "poster_template"
    brand_id: UUID = Field(primary_key=True, foreign_key="brand.id")
    colour: str | None = None
    logo: str | None = Field(default=None, foreign_key="picture.sha256")
    background: str | None = Field(default=None, foreign_key="picture.sha256")


class Campaign(Row, table=True):
    """What headquarters lets its guides invite for, into one room or any. Touches count for it from `starts_at` to
    `ends_at`. Its posters show the product, in its own `colour` and on its own `background` where it has them."""

    __tablename__ = "campaign"
    __table_args__ = (Index("ix_campaign_brand", "brand_id", "id"),)
    brand_id: UUID = Field(foreign_key="brand.id")
    name: str
    room_id: UUID | None = None
    product_id: UUID | None = Field(default=None, foreign_key="product.id")
    colour: str | None = None
    background: str | None = Field(default=None, foreign_key="picture.sha256")
    starts_at: datetime | None = moment(default=None, nullable=True)
    ends_at: datetime | None = moment(default=None, nullable=True)
    created_at: datetime = moment(default_factory=utc_now)


def _counted(**options: Any) -> Any:
    return Field(default=0, sa_column_kwargs={"server_default": "0"}, **options)


class InvitationLink(Row, table=True):
    """One inviter's link. A re-share has a `parent_id` and keeps the guide, store and campaign of the first link.

    Asking again for the same room, channel, campaign and parent gives the same link. One with a `product_id` stands
    as a code at that product on a store's shelf: it has no room, and leads to whichever shows the product then.
    """

    __tablename__ = "invitation_link"
    __table_args__ = (
        Index(
            "uq_invitation_link_inviter",
            *ONE_LINK_EACH,
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_invitation_link_campaign", "campaign_id", postgresql_where=OF_CAMPAIGN),
    )
    brand_id: UUID = Field(foreign_key="brand.id", index=True)
    code: str = Field(unique=True)
    room_id: UUID | None = None
    store_id: UUID | None = None
    guide_id: UUID | None = None
    member_id: UUID | None = None
    parent_id: UUID | None = Field(default=None, foreign_key="invitation_link.id")
    channel: str = ""
    product_id: UUID | None = None
    campaign_id: UUID | None = Field(default=None, foreign_key="campaign.id")
    created_at: datetime = moment(default_factory=utc_now)


class Touch(Row, table=True):
    """A member came through a link. A touch that doesn't count keeps the reason (`rules.refusal`). `until`: how long it
    carries, by the policy in force when it happened. `campaign_id`: the link's, where it ran then."""

    __tablename__ = "touch"
    __table_args__ = (
        Index("ix_touch_member", "member_id", "id"),
        Index("ix_touch_link", "link_id", "member_id"),
        Index("ix_touch_campaign", "campaign_id", postgresql_where=OF_CAMPAIGN),
    )
    brand_id: UUID
    link_id: UUID = Field(foreign_key="invitation_link.id")
    member_id: UUID = Field(foreign_key="member.id")
    at: datetime = moment(default_factory=utc_now)
    until: datetime = moment()
    refused: str | None = None
    campaign_id: UUID | None = None


class Visit(SQLModel, table=True):
    """A member in a room, and who carries them there: the claim statement reads it to credit the order. `is_new`: it
    was the member's first of all rooms of the brand; one of a member's visits is."""

    __tablename__ = "visit"
    __table_args__ = (
        UniqueConstraint("id"),
        Index("ix_visit_room", "room_id", "id"),
        Index("ix_visit_store", "store_id", "id"),
        Index("ix_visit_guide", "guide_id", "id"),
        Index("ix_visit_member", "member_id"),
    )
    room_id: UUID = Field(primary_key=True)
    member_id: UUID = Field(primary_key=True, foreign_key="member.id")
    id: UUID = Field(default_factory=uuid7, sa_column_kwargs={"server_default": text("uuidv7()")})
    brand_id: UUID
    store_id: UUID | None = None
    guide_id: UUID | None = None
    link_id: UUID | None = None
    entered_at: datetime = moment(default_factory=utc_now)
    is_new: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class BoardFigures(SQLModel):
    """Of the credits that stand, and of visits; sums over any lines are sums of these."""

    brand_id: UUID
    room_id: UUID | None = None
    store_id: UUID | None = None
    guide_id: UUID | None = None
    visits: int = _counted()
    new_members: int = _counted()
    orders: int = _counted()
    amount_minor: int = _counted(sa_type=BigInteger)
    reversed_minor: int = _counted(sa_type=BigInteger)


class BoardLine(BoardFigures, table=True):
    """What a guide brought a store in a room, or the store or the brand by no guide; without a room, at a shelf.
    Written by `board_fold.sql` alone, in the transactions that change what it counts."""

    __tablename__ = "board_line"
    __table_args__ = (
        Index(
            "uq_board_line",
            *("brand_id", "room_id", "store_id", "guide_id"),
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_board_line_room", "room_id"),
        Index("ix_board_line_store", "store_id"),
        Index("ix_board_line_guide", "guide_id"),
    )
    id: UUID = Field(
        default_factory=uuid7, primary_key=True, sa_column_kwargs={"server_default": text("uuidv7()")}
    )


class BoardChange(BoardFigures, table=True):
    """What a transaction that is under way changes of the boards: nobody else ever sees a row."""

    __tablename__ = "board_change"
    xact: int = Field(
        sa_type=BigInteger,
        primary_key=True,
        sa_column_kwargs={"server_default": text("((pg_current_xact_id())::text)::bigint")},
    )
    seq: int | None = Field(default=None, sa_type=BigInteger, sa_column_args=(Identity(),), primary_key=True)


class Credit(Row, table=True):
    """One that stands for each paid order. `why` keeps the touches, the rule and its version, as they were applied;
    `policy_version` is the brand's policy that was in force when the order was placed; `campaign_id` is that of the
    touch that brought the buyer.

    Headquarters' decision on an appeal takes one back in full, which is then `superseded_at`, and books another, which
    has the `dispute_id`. `reversed_minor` and `superseded_at` are the only columns that change.
    """

    __tablename__ = "credit"
    __table_args__ = (
        Index("uq_credit_standing", "order_id", unique=True, postgresql_where=text("superseded_at IS NULL")),
        Index("uq_credit_earned", "order_id", unique=True, postgresql_where=text("dispute_id IS NULL")),
        Index(
            "uq_credit_dispute", "dispute_id", unique=True, postgresql_where=text("dispute_id IS NOT NULL")
        ),
        Index(
            "ix_credit_moved",
            "order_id",
            postgresql_where=text("dispute_id IS NOT NULL AND superseded_at IS NULL"),
        ),
        CheckConstraint("reversed_minor >= 0 AND reversed_minor <= amount_minor", name="reversal"),
        Index("ix_credit_store", "store_id", "id"),
        Index("ix_credit_guide", "guide_id", "id"),
        Index("ix_credit_member", "member_id"),
        Index("ix_credit_campaign", "campaign_id", postgresql_where=OF_CAMPAIGN),
    )
    brand_id: UUID
    order_id: UUID
    member_id: UUID
    room_id: UUID | None = None
    store_id: UUID | None = None
    guide_id: UUID | None = None
    link_id: UUID | None = None
    campaign_id: UUID | None = None
    rule: str
    rule_version: int
    policy_version: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    dispute_id: UUID | None = None
    why: dict[str, Any] = document(default_factory=dict)
    amount_minor: int = minor()
    reversed_minor: int = minor(default=0)
    at: datetime = moment(default_factory=utc_now)
    superseded_at: datetime | None = moment(default=None, nullable=True)


class CreditReversal(Row, table=True):
    """What a refund took back, or a decision (`dispute_id`); unique for each of them."""

    __tablename__ = "credit_reversal"
    __table_args__ = (
        UniqueConstraint("credit_id", "refund_id"),
        Index(
            "uq_credit_reversal_dispute", "credit_id", unique=True, postgresql_where=text("refund_id IS NULL")
        ),
        CheckConstraint("(refund_id IS NULL) <> (dispute_id IS NULL)", name="cause"),
    )
    credit_id: UUID = Field(foreign_key="credit.id", index=True)
    refund_id: UUID | None = None
    dispute_id: UUID | None = None
    amount_minor: int = minor()
    at: datetime = moment(default_factory=utc_now)


class CreditShare(Row, table=True):
    """A part of a credit that somebody gets. `bp`: its rate in basis points, 0 for a bonus. `reversed_minor` is the sum
    of its reversals and the only column that changes."""

    __tablename__ = "credit_share"
    __table_args__ = (
        UniqueConstraint("credit_id", "kind"),
        CheckConstraint("reversed_minor >= 0 AND reversed_minor <= amount_minor", name="reversal"),
        Index("ix_credit_share_beneficiary", "beneficiary_id", "id"),
    )
    credit_id: UUID = Field(foreign_key="credit.id")
    kind: str
    whose: str
    beneficiary_id: UUID
    bp: int
    amount_minor: int = minor()
    reversed_minor: int = minor(default=0, sa_column_kwargs={"server_default": "0"})


class CreditShareReversal(Row, table=True):
    """What a reversal of the credit took back of a share."""

    __tablename__ = "credit_share_reversal"
    __table_args__ = (UniqueConstraint("share_id", "reversal_id"),)
    share_id: UUID = Field(foreign_key="credit_share.id")
    reversal_id: UUID = Field(foreign_key="credit_reversal.id")
    amount_minor: int = minor()


class NewCustomerBonus(Row, table=True):
    """The order for which a member's one bonus is given."""

    __tablename__ = "new_customer_bonus"
    __table_args__ = (UniqueConstraint("brand_id", "member_id"), UniqueConstraint("order_id"))
    brand_id: UUID
    member_id: UUID
    order_id: UUID


class AttributionPolicy(Row, table=True):
    """A version of a brand's policy (`policy.Policy`); never changed, only followed by the next."""

    __tablename__ = "attribution_policy"
    __table_args__ = (UniqueConstraint("brand_id", "version"),)
    brand_id: UUID = Field(foreign_key="brand.id")
    version: int
    settings: dict[str, Any] = document()
    by_id: UUID
    at: datetime = moment(default_factory=utc_now)


class GuideBinding(Row, table=True):
    """A member belongs to a guide from `since` to `until`; the highest `number` of a member is the one that holds. A
    release by hand has no guide. `reason`: `first_touch`, `first_order`, `renewed`, `by_hand`, `released`, `merged`."""

    __tablename__ = "guide_binding"
    __table_args__ = (UniqueConstraint("member_id", "number"),)
    brand_id: UUID
    member_id: UUID = Field(foreign_key="member.id")
    number: int
    guide_id: UUID | None = Field(default=None, foreign_key="account.id")
    store_id: UUID | None = None
    since: datetime = moment()
    until: datetime = moment()
    reason: str
    policy_version: int = 0
    touch_id: UUID | None = None
    order_id: UUID | None = None
    by_id: UUID | None = None
    note: str = ""


class CreditDispute(Row, table=True):
    """A guide's appeal about an order's credit; open until it has a decision."""

    __tablename__ = "credit_dispute"
    __table_args__ = (
        Index("ix_credit_dispute_brand", "brand_id", "id"),
        Index("ix_credit_dispute_order", "order_id"),
        Index("ix_credit_dispute_by", "by_id", "id"),
        Index("ix_credit_dispute_store", "store_id", "id"),
    )
    brand_id: UUID
    order_id: UUID
    by_id: UUID = Field(foreign_key="account.id")
    store_id: UUID | None = None
    words: str
    at: datetime = moment(default_factory=utc_now)


class DisputeDecision(Row, table=True):
    """One for each dispute. A granted one says to which store and guide the credit went."""

    __tablename__ = "dispute_decision"
    __table_args__ = (UniqueConstraint("dispute_id"),)
    dispute_id: UUID = Field(foreign_key="credit_dispute.id")
    granted: bool
    reason: str
    store_id: UUID | None = None
    guide_id: UUID | None = None
    by_id: UUID
    at: datetime = moment(default_factory=utc_now)
