"""Who is paying, as WeChat says: a payment within WeChat names its buyer by the `openid` of the official account.

The page asks where to go (`set_out`), WeChat sends the browser back with a code, and the code is changed for the openid
(`come_back`), which stays here. The `state` that goes along is the member's, signed, good for ten minutes and for the
browser that holds it as a cookie: nobody can have his own visit booked under another member, nor be sent off this site.
https://developers.weixin.qq.com/doc/service/api/webdev/access/api_snsaccesstoken.html
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import struct
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit, urlunsplit
from uuid import UUID

import httpx
import msgspec
import structlog
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.principal import Principal
from server.kit.problems import NotFound, Problem
from server.kit.settings import Settings, WeChatPayAccount
from server.kit.tokens import derive, sign
from server.members import service as members
from server.payments.models import BuyerOpenid

log = structlog.get_logger()

AUTHORIZE = "https://open.weixin.qq.com/connect/oauth2/authorize"
BACK = "/wechat/openid"
GOOD_FOR = timedelta(minutes=10)
PATIENCE_S = 5.0
STATE = r"^[0-9a-f]{120}$"
"""WeChat takes letters and digits, at most 128 of them."""

STALE = frozenset({40029, 40163, 41008, 42003})
"""The code is wrong, was used, is missing, or too old: another one mends it."""
LATER = frozenset({-1, 45009, 45011, 50002})
"""WeChat is busy, or was asked too often."""

Why = Literal["stale", "away", "refused"]
"""What the page is told when it comes back without: go again, try later, or another way."""

_PACKED = struct.Struct(">8sI16s16s")
_MAC_BYTES = 16


class OpenidNeeded(Problem):
    """`errors` names the field for clients that send it themselves; our own pages let WeChat say it."""

    status, slug, title = 422, "openid-needed", "WeChat has not said yet who is paying"

    def __init__(self) -> None:
        super().__init__(errors=[{"field": "openid", "message": "a payment within WeChat needs it"}])


class ForgedState(Problem):
    status, slug, title = 400, "forged-state", "This way back from WeChat was not made here"


class NotGiven(Exception):
    """WeChat did not say who it is."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why: Why = why


class Visit(msgspec.Struct, frozen=True):
    """Whose visit to WeChat a state stands for."""

    member_id: UUID
    brand_id: UUID
    began_at: datetime


# Keeping


async def known(session: AsyncSession, settings: Settings, member_id: UUID) -> str:
    """What WeChat calls this member. Raises `OpenidNeeded` (422)."""
    account = settings.wechat_pay
    kept = await _kept(session, member_id, account.app_id) if account else None
    if kept is None:
        raise OpenidNeeded
    return kept.openid


async def _kept(session: AsyncSession, member_id: UUID, app_id: str) -> BuyerOpenid | None:
    asked = select(BuyerOpenid).where(BuyerOpenid.member_id == member_id, BuyerOpenid.app_id == app_id)
    return (await session.exec(asked)).first()


async def keep(session: AsyncSession, visit: Visit, app_id: str, openid: str, now: datetime) -> None:
    """The newest is the one: a member may come from another phone, with another account at WeChat."""
    member_id = await members.present_id(session, visit.member_id)
    values = {"openid": openid, "learned_at": now}
    await session.execute(
        insert(BuyerOpenid)
        .values(id=uuid7(), brand_id=visit.brand_id, member_id=member_id, app_id=app_id, **values)
        .on_conflict_do_update(index_elements=["member_id", "app_id"], set_=values)
    )


_FORGET_OLDER = text(
    """
    DELETE FROM buyer_openid older USING buyer_openid newer
    WHERE older.member_id IN (:guest, :member) AND newer.member_id IN (:guest, :member)
      AND newer.app_id = older.app_id AND (newer.learned_at, newer.id) > (older.learned_at, older.id)
    """
)
_MOVE = text("UPDATE buyer_openid SET member_id = :member WHERE member_id = :guest")


async def move(session: AsyncSession, guest_id: UUID, member_id: UUID) -> None:
    """A guest is that member from now on: what was learned last stays."""
    both = {"guest": guest_id, "member": member_id}
    await session.execute(_FORGET_OLDER, both)
    await session.execute(_MOVE, both)


# The visit to WeChat


def set_out(settings: Settings, member: Principal, return_url: str, now: datetime) -> tuple[str, str]:
    """(where the browser goes, the state that it keeps). Raises `NotFound` where it is not offered."""
    account = _account(settings)
    state = _signed(settings, member, return_url, now)
    # WeChat wants its parameters in this order.
    query = {
        "appid": account.app_id,
        "redirect_uri": f"{settings.base_url}{BACK}?{urlencode({'to': return_url})}",
        "response_type": "code",
        "scope": "snsapi_base",
        "state": state,
    }
    return f"{AUTHORIZE}?{urlencode(query)}#wechat_redirect", state


def read_state(settings: Settings, state: str, return_url: str) -> Visit:
    """Whose it is, though it may be over. Raises `ForgedState` (400), also when the way back was changed."""
    try:
        packed = bytes.fromhex(state)
        head, mac = packed[: _PACKED.size], packed[_PACKED.size :]
        _, began, member, brand = _PACKED.unpack(head)
    except (ValueError, struct.error):
        raise ForgedState from None
    if not hmac.compare_digest(mac, _mac(settings, head, return_url)):
        raise ForgedState
    return Visit(UUID(bytes=member), UUID(bytes=brand), datetime.fromtimestamp(began, UTC))


async def come_back(
    database: Database, settings: Settings, visit: Visit, code: str, *, same_browser: bool, now: datetime
) -> None:
    """Change the code for the openid and keep it. A browser that comes twice, as WeChat's does now and then, finds it
    done. Raises `NotGiven`."""
    account = _account(settings)
    if await _learned_since(database, account, visit):
        return
    if not same_browser or not code or not visit.began_at <= now < visit.began_at + GOOD_FOR:
        raise NotGiven("stale")
    openid = await _ask(account, code)
    async with database.transaction() as session:
        await keep(session, visit, account.app_id, openid, now)


async def _learned_since(database: Database, account: WeChatPayAccount, visit: Visit) -> bool:
    async with database.transaction() as session:
        member_id = await members.present_id(session, visit.member_id)
        kept = await _kept(session, member_id, account.app_id)
    return kept is not None and kept.learned_at >= visit.began_at


def with_trouble(return_url: str, why: Why) -> str:
    """The way back, which tells the page why it comes without."""
    parts = urlsplit(return_url)
    query = "&".join(filter(None, (parts.query, f"wechat={why}")))
    return urlunsplit(parts._replace(query=query))


def _account(settings: Settings) -> WeChatPayAccount:
    if settings.wechat_pay is None or not settings.wechat_pay.app_secret:
        raise NotFound
    return settings.wechat_pay


def _signed(settings: Settings, member: Principal, return_url: str, now: datetime) -> str:
    head = _PACKED.pack(secrets.token_bytes(8), int(now.timestamp()), member.id.bytes, member.brand_id.bytes)
    return (head + _mac(settings, head, return_url)).hex()


def _mac(settings: Settings, head: bytes, return_url: str) -> bytes:
    return sign(derive(settings.secret, "wechat-openid"), head + return_url.encode(), _MAC_BYTES)


class _Said(msgspec.Struct):
    """Either an openid or an `errcode`, both with HTTP 200. `is_snapshotuser`: a preview's made-up account."""

    openid: str = ""
    is_snapshotuser: int = 0
    errcode: int = 0
    errmsg: str = ""


async def _ask(account: WeChatPayAccount, code: str) -> str:
    """A code is good once: there is no second try with it. Raises `NotGiven`."""
    query = {
        "appid": account.app_id,
        "secret": account.app_secret,
        "code": code,
        "grant_type": "authorization_code",
    }
    try:
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(timeout=PATIENCE_S) as web:
            answer = await web.get(f"{account.official_api}/sns/oauth2/access_token", params=query)
        said: Any = msgspec.json.decode(answer.content, type=_Said) if answer.status_code == 200 else None
    except (httpx.HTTPError, TimeoutError, msgspec.DecodeError) as error:
        log.warning("WeChat does not say who pays", why=type(error).__name__)  # its text has the secret's URL
        raise NotGiven("away") from None
    if said is None:
        log.warning("WeChat does not say who pays", why=f"HTTP {answer.status_code}")
        raise NotGiven("away")
    if said.openid and not said.errcode and not said.is_snapshotuser:
        return str(said.openid)
    why = _why(said)
    say = log.error if why == "refused" else log.warning
    say("WeChat does not say who pays", why=why, errcode=said.errcode, errmsg=said.errmsg)
    raise NotGiven(why)


def _why(said: _Said) -> Why:
    if said.errcode in STALE:
        return "stale"
    return "away" if said.errcode in LATER else "refused"
