"""What Showfloor asks of a payment provider.

Every call goes over a network, is made outside any open transaction, and may be made again after a crash with the same
rows: a payment is named by its id, a refund by its id and round, and neither is ever made twice for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

import msgspec

from server.kit.problems import Problem, Unavailable
from server.payments.models import Payment, Refund

WINDOW_S = 300
"""How old a notice may be."""


class ProviderError(Exception):
    """The provider can't be reached or is not well; asking again later is right."""


class ProviderRefused(ProviderError):
    """It will not do this, however often it is asked; the text is for staff."""


class AlreadyPaid(ProviderError):
    """The payment that was to begin has its money already: look at it."""


class BadNotice(Problem):
    status, slug, title = 400, "bad-notice", "The notice's signature, age or content is wrong"


class UnreadableStatement(Problem):
    """`errors` names what is missing."""

    status, slug, title = 422, "unreadable-statement", "This is no statement of this provider's"


class StatementAway(Unavailable):
    """`detail` is what the provider said."""

    slug, title = "statement-away", "The provider has no statement to give right now; upload its file instead"


class Redirect(msgspec.Struct, frozen=True, tag="redirect"):
    """The buyer goes on at this address."""

    url: str


class QrCode(msgspec.Struct, frozen=True, tag="qr"):
    """The buyer scans this with the provider's app."""

    content: str


class InApp(msgspec.Struct, frozen=True, tag="in_app"):
    """What the page hands to the app that it is shown in (`WeixinJSBridge`), signed."""

    parameters: dict[str, str]


Next = Redirect | QrCode | InApp


class Begun(msgspec.Struct, frozen=True):
    """`ref` is the provider's own name of the payment; `good_for_s` how long `next` can be used, if not for good;
    `ends_at` when the provider takes no more money for this payment, where that can't be changed any more."""

    next: Next
    ref: str = ""
    good_for_s: int | None = None
    ends_at: datetime | None = None


class Standing(msgspec.Struct, frozen=True):
    """How a payment stands at the provider. `failed` is final: it was closed there and can't be paid any more."""

    status: Literal["pending", "succeeded", "failed"]
    amount_minor: int = 0
    trade_no: str = ""
    at: datetime | None = None


class Returned(msgspec.Struct, frozen=True):
    """How a refund stands at the provider. `failed` is final for its round; `failure` is for staff."""

    status: Literal["under_way", "succeeded", "failed"]
    ref: str = ""
    failure: str = ""
    at: datetime | None = None


class Notice(msgspec.Struct, frozen=True):
    """A provider's word about a payment, whose signature and age were checked. `event_id` is unique there."""

    event_id: str
    payment_id: UUID
    succeeded: bool
    amount_minor: int
    trade_no: str = ""
    at: datetime | None = None


class RefundNotice(msgspec.Struct, frozen=True):
    """The same about a refund."""

    event_id: str
    refund_id: UUID
    amount_minor: int
    returned: Returned


class StatementLine(msgspec.Struct, frozen=True):
    """Money that moved, as the provider says. `number` is our payment's or refund's id if it is written there, or else
    empty; `trade_no` the provider's. The amount of a refund is above zero, too."""

    kind: Literal["payment", "refund"]
    number: str
    trade_no: str
    amount_minor: int
    at: datetime | None = None


class Provider(Protocol):
    name: str

    async def begin(self, payment: Payment) -> Begun:
        """Raises `AlreadyPaid`, `ProviderRefused`, `ProviderError`, as all of these may."""
        ...

    async def look(self, payment: Payment) -> Standing: ...

    async def close(self, payment: Payment) -> Standing:
        """Nobody waits for it any more: let it not be paid. `succeeded` when it was, just now."""
        ...

    def read_notice(
        self, headers: Mapping[str, str], raw: bytes, now: datetime
    ) -> Notice | RefundNotice | None:
        """Check the signature over the raw body and its age. None: genuine, and of nothing that is followed here.
        Header names are in lower case. Raises `BadNotice` (400)."""
        ...

    async def refund(self, payment: Payment, refund: Refund) -> Returned:
        """Send money back, or ask how that stands: it is called until the answer is final."""
        ...

    async def statement(self, day: date) -> bytes:
        """The file of one day, as staff could download it from the provider. An empty day is an empty file."""
        ...

    def read_statement(self, raw: bytes) -> Sequence[StatementLine]:
        """Raises `UnreadableStatement` (422)."""
        ...

    async def aclose(self) -> None: ...
