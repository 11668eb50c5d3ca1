"""The buyers' side of a sale over HTTP: a tap becomes a hold, or a place in the waitlist; and the stock proof.

Holds come in crowds: `ClaimDoor` answers them before the web framework has looked at them, by the same `Counter`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.status_codes import HTTP_201_CREATED, HTTP_204_NO_CONTENT
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlmodel.ext.asyncio.session import AsyncSession

from server.catalog import service as catalog
from server.flash_sales import preview, proof, waiting
from server.flash_sales.book import Known, SaleBook
from server.flash_sales.claims import ClaimDesk, Outcome, Tap
from server.flash_sales.proof import Proof
from server.flash_sales.waiting import Place
from server.kit import link_card
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.devices import DEVICE, device_key
from server.kit.idempotency import KeyHeader, require_key
from server.kit.limits import LIMITED, Limiter, address_of
from server.kit.money import PositiveMinor
from server.kit.principal import Principal
from server.kit.problems import NotFound, Problem, Wired
from server.kit.settings import Settings
from server.members import service as members
from server.members.audience import Audience, must_take
from server.orders.service import Placed

PROOFS_PER_MINUTE = 120
"""For one address."""
Quantity = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class HoldLine(msgspec.Struct, forbid_unknown_fields=True):
    sku_id: UUID
    quantity: Quantity


class AskHold(msgspec.Struct, forbid_unknown_fields=True):
    """Either `quantity` of the sale's one product, or `lines`. `amount_minor` is what the buyer was shown for all of
    it: when it costs more by now, nothing is taken."""

    quantity: Quantity | None = None
    lines: Annotated[list[HoldLine], msgspec.Meta(min_length=1, max_length=20)] | None = None
    amount_minor: PositiveMinor | None = None


class Counter:
    """One a web process."""

    def __init__(self, database: Database, settings: Settings, book: SaleBook, desk: ClaimDesk) -> None:
        self._database = database
        self._secret = settings.secret
        self._book = book
        self._desk = desk

    async def hold(
        self,
        member_id: UUID,
        brand_id: UUID,
        room_id: UUID,
        sale_id: UUID,
        key: str | None,
        device: str | None,
        data: AskHold,
    ) -> Outcome:
        """As `ClaimDesk.claim`. Raises `Invalid` (422), `NotFound`, and why the room's audience doesn't take the buyer
        (403)."""
        key = require_key(key)
        sale = await self.sale(member_id, brand_id, room_id, sale_id)
        asked = sale.asked(data.quantity, _wanted(data))
        by_device = device_key(self._secret, device)
        tap = Tap(member_id, key, asked.hash, asked.units, asked.lines, by_device, data.amount_minor)
        return await self._desk.claim(sale_id, tap)

    async def sale(self, member_id: UUID, brand_id: UUID, room_id: UUID, sale_id: UUID) -> Known:
        sale = await self._book.look_up(sale_id)
        if sale.room_id != room_id or sale.brand_id != brand_id:
            raise NotFound
        if sale.audience != Audience.PUBLIC:
            async with self._database.transaction() as session:
                await must_take(session, room_id, member_id)
        return sale


def _wanted(data: AskHold) -> list[tuple[UUID, int]] | None:
    return [(line.sku_id, line.quantity) for line in data.lines] if data.lines is not None else None


_SALE = "/api/rooms/{room_id:uuid}/flash-sales/{sale_id:uuid}"


@post(f"{_SALE}/holds", status_code=HTTP_201_CREATED, tags=["flash sales"])
async def hold(
    request: Request[Any, Any, Any],
    room_id: UUID,
    sale_id: UUID,
    data: AskHold,
    member: Principal,
    counter: Counter,
    idempotency_key: KeyHeader = None,
) -> Placed:
    """Claim units, all lines or none. 201 with `pay_by`; 409 `out-of-stock` (with what is `left`, and whether the
    waitlist is open), `limit-reached` or `price-changed`; 425 `not-open`; 410 `ended`; 403 for whom the room's audience
    doesn't take. The same Idempotency-Key again gives the same answer; with another body it is refused (422). The limit
    counts by member, and by device where a `Showfloor-Device` is sent."""
    device = request.headers.get(DEVICE)
    outcome = await counter.hold(member.id, member.brand_id, room_id, sale_id, idempotency_key, device, data)
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


@post(f"{_SALE}/waitlist", status_code=HTTP_201_CREATED, tags=["flash sales"])
async def wait(
    request: Request[Any, Any, Any],
    room_id: UUID,
    sale_id: UUID,
    data: AskHold,
    member: Principal,
    counter: Counter,
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
) -> Place:
    """Stand in line for units that come back; a second time it is the same place. Those whose turn comes hold their
    units at once and are told on their own topic. 409 `still-free` while there are enough, `limit-reached`."""
    sale = await counter.sale(member.id, member.brand_id, room_id, sale_id)
    asked = sale.asked(data.quantity, _wanted(data))
    device = device_key(settings.secret, request.headers.get(DEVICE))
    return await waiting.join(session, sale_id, member.id, device, asked.units, asked.lines, clock())


@get(f"{_SALE}/waitlist", tags=["flash sales"])
async def place(
    room_id: UUID, sale_id: UUID, member: Principal, counter: Counter, session: AsyncSession
) -> Place:
    """The member's own place; 404 for whoever has none."""
    await counter.sale(member.id, member.brand_id, room_id, sale_id)
    found = await waiting.place_of(session, sale_id, member.id)
    if found is None:
        raise NotFound
    return found


@delete(f"{_SALE}/waitlist", status_code=HTTP_204_NO_CONTENT, tags=["flash sales"])
async def leave(
    room_id: UUID, sale_id: UUID, member: Principal, counter: Counter, session: AsyncSession
) -> None:
    await counter.sale(member.id, member.brand_id, room_id, sale_id)
    await waiting.leave(session, sale_id, member.id)


@get("/api/flash-sales/{sale_id:uuid}/proof", dependencies=LIMITED, tags=["flash sales"])
async def show_proof(
    request: Request[Any, Any, Any], sale_id: UUID, session: AsyncSession, limiter: Limiter, clock: Clock
) -> Proof:
    """The sale's stock proof, for everybody: every unit accounted for, from the ledger. Nobody is named."""
    await limiter.take("proofs", address_of(request), PROOFS_PER_MINUTE, 60)
    return await proof.of_sale(session, sale_id, clock())


@get("/api/flash-sales/{sale_id:uuid}/proof.png", dependencies=LIMITED, tags=["flash sales"])
async def proof_picture(
    request: Request[Any, Any, Any],
    sale_id: UUID,
    session: AsyncSession,
    limiter: Limiter,
    language: preview.Language = "zh-CN",
) -> Response[bytes]:
    """What a chat shows of a proof that is shared (1,200×630). Of a sale that still runs it says no result."""
    await limiter.take("proof pictures", address_of(request), PROOFS_PER_MINUTE, 60)
    shown = await preview.of_sale(session, sale_id, language)
    if shown is None:
        raise NotFound

    async def draw() -> bytes:
        product = await catalog.picture(session, shown.image) if shown.image else None
        return await preview.picture(shown, product)

    return await link_card.answer(request, shown.etag, draw)


ROUTES = [hold, wait, place, leave, show_proof, proof_picture]


# In front of the web framework

_HOLDS = re.compile(r"/api/rooms/([0-9a-f-]{36})/flash-sales/([0-9a-f-]{36})/holds")
_MOST_BYTES = 8192
_decode = msgspec.json.Decoder(AskHold).decode
_encode = msgspec.json.Encoder().encode
_JSON = (b"content-type", b"application/json")


class ClaimDoor:
    """Answers a member's well-formed tap; everything else goes on to the framework as it came, and so does a tap that
    fails in an unexpected way, since asking again with its key is safe."""

    def __init__(self, app: ASGIApp, settings: Settings, counter: Counter, clock: Clock) -> None:
        self._app = app
        self._secret = settings.secret
        self._counter = counter
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (place := _tapped(scope)) is not None:
            heard = await _hear(receive)
            if (answer := await self._answer(scope, place, heard)) is not None:
                await send(
                    {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
                )
                await send({"type": "http.response.body", "body": answer.body, "more_body": False})
                return
            receive = _again(heard, receive)
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, place: re.Match[str], heard: list[Message]) -> Wired | None:
        headers = dict(scope["headers"])
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        last: Any = heard[-1]
        if scheme.lower() != b"bearer" or last["type"] != "http.request" or last.get("more_body"):
            return None
        if not headers.get(b"content-type", b"").startswith(b"application/json"):
            return None
        bearer = members.bearer(self._secret, token.strip().decode("latin-1"), self._clock())
        if bearer is None:
            return None
        try:
            data = _decode(b"".join(message["body"] for message in heard))  # type: ignore[typeddict-item]
            key, device = headers.get(b"idempotency-key", b""), headers.get(_DEVICE)
            outcome = await self._counter.hold(
                bearer.member_id,
                bearer.brand_id,
                UUID(place[1]),
                UUID(place[2]),
                key.decode("latin-1"),
                device.decode("latin-1") if device else None,
                data,
            )
        except Exception:
            return None
        if isinstance(outcome, Problem):
            return outcome.wired
        body = _encode(outcome)
        return Wired(HTTP_201_CREATED, [_JSON, (b"content-length", b"%d" % len(body))], body)


def _tapped(scope: Any) -> re.Match[str] | None:
    is_post = scope["type"] == "http" and scope["method"] == "POST"
    return _HOLDS.fullmatch(scope["path"]) if is_post else None


_DEVICE = DEVICE.lower().encode()


async def _hear(receive: Receive) -> list[Message]:
    """The body, as far as it is a tap's."""
    heard: list[Message] = []
    size = 0
    while True:
        message: Any = await receive()
        heard.append(message)
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body") or size > _MOST_BYTES:
            return heard


def _again(heard: list[Message], receive: Receive) -> Receive:
    """What was heard, and then the rest."""
    left = iter(heard)

    async def tell() -> Any:
        for message in left:
            return message
        return await receive()

    return tell
