"""WeChat Pay, API v3, by the library `wechatpayv3`: a QR code on desktops, H5 on phones, JSAPI within WeChat.

Answers and notices are verified with WeChat Pay's public key (the mode of all new merchants, open to old ones at
pay.weixin.qq.com), so nothing has to be fetched before the first call. Documentation:
https://pay.weixin.qq.com/doc/v3/merchant/4012062524
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
import io
import time
import uuid
import zlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec
from wechatpayv3.async_ import AsyncWeChatPay, WeChatPayType  # not the synchronous half's enum: it is another

from server.kit.clock import SHOP_ZONE
from server.kit.settings import WeChatPayAccount
from server.payments.models import Payment, Refund
from server.payments.providers.port import (
    WINDOW_S,
    AlreadyPaid,
    BadNotice,
    Begun,
    InApp,
    Notice,
    ProviderError,
    ProviderRefused,
    QrCode,
    Redirect,
    RefundNotice,
    Returned,
    Standing,
    StatementLine,
    UnreadableStatement,
)

CURRENCY = "CNY"
PAID = frozenset({"ORDERPAID", "ORDER_PAID"})
MISSING = frozenset({"ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"})
CLOSED = frozenset({"ORDER_CLOSED", "ORDERCLOSED"})
LATER = frozenset(
    {"SYSTEM_ERROR", "SYSTEMERROR", "BANK_ERROR", "BANKERROR", "BIZERR_NEED_RETRY", "FREQUENCY_LIMITED"}
    | {"FREQUENCY_LIMIT_EXCEED", "RATELIMIT_EXCEEDED"}
)
"""Codes with which the same call is right later. https://pay.weixin.qq.com/doc/v3/merchant/4012082331"""
SHORTEST = timedelta(minutes=2)
"""WeChat Pay takes no time to pay under one minute."""

T = TypeVar("T")


class _Refused(ProviderRefused):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class _Amount(msgspec.Struct):
    total: int
    currency: str = CURRENCY


class _Trade(msgspec.Struct):
    """A payment as WeChat Pay tells of it, by notice or when it is asked."""

    mchid: str
    appid: str
    out_trade_no: str
    trade_state: str
    transaction_id: str = ""
    amount: _Amount | None = None
    success_time: datetime | None = None


class _RefundAmount(msgspec.Struct):
    refund: int


class _Refund(msgspec.Struct):
    """`status` in answers, `refund_status` in notices."""

    out_refund_no: str
    refund_id: str
    amount: _RefundAmount
    mchid: str = ""
    status: str = ""
    refund_status: str = ""
    success_time: str = ""

    def returned(self) -> Returned:
        state = self.refund_status or self.status
        if state == "SUCCESS":
            at = datetime.fromisoformat(self.success_time) if self.success_time else None
            return Returned("succeeded", self.refund_id, at=at)
        if state == "PROCESSING":
            return Returned("under_way", self.refund_id)
        why = {
            "ABNORMAL": "the buyer's card takes nothing back; settle it at pay.weixin.qq.com, then send it again",
            "CLOSED": "WeChat Pay closed the refund; send it again",
        }
        return Returned("failed", self.refund_id, f"{state}: {why.get(state, 'unknown state')}")


class WeChatPay:
    name = "wechat_pay"

    def __init__(self, account: WeChatPayAccount, base_url: str) -> None:
        self._account, self._base_url = account, base_url
        self._client = AsyncWeChatPay(
            wechatpay_type=WeChatPayType.NATIVE,
            mchid=account.merchant_id,
            private_key=account.private_key,
            cert_serial_no=account.certificate_serial,
            appid=account.app_id,
            apiv3_key=account.api_v3_key,
            notify_url=f"{base_url}/api/payments/webhooks/{self.name}",
            timeout=(5, 15),
            public_key=account.public_key,
            public_key_id=account.public_key_id,
        )
        self._client._core._gate_way = account.api  # the library has no option for it; its version is pinned
        self._opening = asyncio.Lock()
        self._is_open = False

    async def begin(self, payment: Payment) -> Begun:
        # Under the same number it takes no other time than it was told first.
        ends_at = payment.ends_at_provider or max(
            payment.expires_at or payment.created_at, payment.created_at + SHORTEST
        )
        order: dict[str, Any] = {
            "description": payment.title[:127],
            "out_trade_no": payment.id.hex,
            "amount": {"total": payment.amount_minor, "currency": CURRENCY},
            "time_expire": ends_at.astimezone(SHOP_ZONE).isoformat(timespec="seconds"),
        }
        try:
            match payment.scene:
                case "wechat":
                    payer = {"openid": payment.payer["openid"]}
                    said = await self._ask("pay", **order, payer=payer, pay_type=WeChatPayType.JSAPI)
                    return Begun(InApp(self._in_app(said["prepay_id"])), good_for_s=3600, ends_at=ends_at)
                case "phone":
                    scene = {"payer_client_ip": payment.payer.get("ip", ""), "h5_info": {"type": "Wap"}}
                    said = await self._ask("pay", **order, scene_info=scene, pay_type=WeChatPayType.H5)
                    back = quote(f"{self._base_url}{payment.return_url}", safe="")
                    return Begun(
                        Redirect(f"{said['h5_url']}&redirect_url={back}"), good_for_s=240, ends_at=ends_at
                    )
                case _:
                    said = await self._ask("pay", **order, pay_type=WeChatPayType.NATIVE)
                    return Begun(QrCode(said["code_url"]), good_for_s=6600, ends_at=ends_at)
        except _Refused as error:
            if error.code in PAID:
                raise AlreadyPaid(str(error)) from None
            raise

    def _in_app(self, prepay_id: str) -> dict[str, str]:
        """What `WeixinJSBridge` is given, signed. https://pay.weixin.qq.com/doc/v3/merchant/4012791857"""
        parameters = {
            "appId": self._account.app_id,
            "timeStamp": str(int(time.time())),
            "nonceStr": uuid.uuid4().hex,
            "package": f"prepay_id={prepay_id}",
        }
        signature = self._client.sign(list(parameters.values()))
        return {**parameters, "signType": "RSA", "paySign": signature}

    async def look(self, payment: Payment) -> Standing:
        try:
            trade = _read(await self._ask("query", out_trade_no=payment.id.hex), _Trade, ProviderError)
        except _Refused as error:
            if error.code in MISSING:  # it was never begun there, or begins right now
                return Standing("pending")
            raise
        return self._standing(trade)

    async def close(self, payment: Payment) -> Standing:
        try:
            await self._ask("close", out_trade_no=payment.id.hex)
        except _Refused as error:
            if error.code in PAID:
                return await self.look(payment)
            if error.code not in MISSING | CLOSED:
                raise
        return Standing("failed")

    def _standing(self, trade: _Trade) -> Standing:
        self._must_be_ours(trade.mchid, trade.appid)
        match trade.trade_state:
            case "SUCCESS" | "REFUND" if trade.amount and trade.amount.currency == CURRENCY:
                return Standing("succeeded", trade.amount.total, trade.transaction_id, trade.success_time)
            case "CLOSED" | "REVOKED" | "PAYERROR":
                return Standing("failed")
            case _:
                return Standing("pending")

    def _must_be_ours(self, merchant_id: str, app_id: str) -> None:
        if (merchant_id, app_id) != (self._account.merchant_id, self._account.app_id):
            raise ProviderError("an answer for another merchant")

    def read_notice(
        self, headers: Mapping[str, str], raw: bytes, now: datetime
    ) -> Notice | RefundNotice | None:
        stamp = headers.get("wechatpay-timestamp", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
            raise BadNotice("no time stamp")
        try:
            said = self._client.callback(dict(headers), raw)
        except Exception as error:  # the library raises whatever comes its way
            raise BadNotice(f"{type(error).__name__} in the notice") from None
        if said is None:
            raise BadNotice("wrong signature or key")
        if abs(now.timestamp() - int(stamp)) > WINDOW_S:
            raise BadNotice("too old")
        event_id, kind, resource = said.get("id"), str(said.get("event_type")), said["resource"]
        if not isinstance(event_id, str) or not event_id:
            raise BadNotice("no id")
        if kind == "TRANSACTION.SUCCESS":
            trade = _read(resource, _Trade, BadNotice)
            return self._payment_notice(event_id, trade)
        if kind.startswith("REFUND."):
            refund = _read(resource, _Refund, BadNotice)
            if refund.mchid != self._account.merchant_id:
                raise BadNotice("for another merchant")
            return RefundNotice(
                event_id, _number(refund.out_refund_no), refund.amount.refund, refund.returned()
            )
        return None

    def _payment_notice(self, event_id: str, trade: _Trade) -> Notice:
        if (trade.mchid, trade.appid) != (self._account.merchant_id, self._account.app_id):
            raise BadNotice("for another merchant")
        if trade.amount is None or trade.amount.currency != CURRENCY or trade.trade_state != "SUCCESS":
            raise BadNotice("no success in yuan")
        number = _number(trade.out_trade_no)
        return Notice(event_id, number, True, trade.amount.total, trade.transaction_id, trade.success_time)

    async def refund(self, payment: Payment, refund: Refund) -> Returned:
        """A refund that was closed there needs a new number; all others keep theirs, so it is looked for first."""
        for earlier in range(refund.round):
            returned = await self._stands(_refund_no(refund, earlier))
            if returned and not returned.failure.startswith("CLOSED"):
                return returned
        number = _refund_no(refund, refund.round)
        if refund.provider_ref and (returned := await self._stands(number)):
            return returned
        said = await self._ask(
            "refund",
            out_refund_no=number,
            out_trade_no=payment.id.hex,
            amount={
                "refund": refund.amount_minor,
                "total": payment.amount_minor,
                "currency": CURRENCY,
            },
            reason=refund.reason[:80] or None,
        )
        return _read(said, _Refund, ProviderError).returned()

    async def _stands(self, number: str) -> Returned | None:
        try:
            said = await self._ask("query_refund", out_refund_no=number)
        except _Refused as error:
            if error.code in MISSING:
                return None
            raise
        return _read(said, _Refund, ProviderError).returned()

    async def statement(self, day: date) -> bytes:
        """The trade bill, ready from ten in the morning of the next day. Of a day without trades there is none."""
        try:
            said = await self._ask("trade_bill", bill_date=day.isoformat())
        except _Refused as error:
            if error.code == "NO_STATEMENT_EXIST":
                return b""
            raise
        packed = await self._ask("download_bill", url=said["download_url"])
        try:
            raw = await asyncio.to_thread(gzip.decompress, packed)
        except (OSError, EOFError, zlib.error, TypeError) as error:
            raise ProviderError(f"the bill can't be unpacked: {error}") from None
        if hashlib.sha1(raw).hexdigest() != said["hash_value"]:  # noqa: S324  their checksum
            raise ProviderError("the bill is not what its hash says")
        return raw

    def read_statement(self, raw: bytes) -> Sequence[StatementLine]:
        """The bill as it is downloaded: each value after a backtick, then two lines of totals."""
        if not raw:
            return []
        try:
            rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
        except (UnicodeDecodeError, csv.Error):
            raise UnreadableStatement(errors=[{"field": "", "message": "no UTF-8 CSV"}]) from None
        header = [name.strip() for name in rows[0]] if rows else []
        needed = ("交易时间", "微信订单号", "商户订单号", "交易状态", "订单金额")
        if missing := [name for name in needed if name not in header]:
            raise UnreadableStatement(errors=[{"field": name, "message": "is missing"} for name in missing])
        lines = []
        for row in rows[1:]:
            if not row or not row[0].startswith("`"):
                break
            values = dict(zip(header, (value.lstrip("`").strip() for value in row), strict=False))
            lines.append(_line(values))
        return lines

    async def aclose(self) -> None:
        if self._is_open:
            await self._client.__aexit__(None, None, None)

    async def _ask(self, call: str, **values: Any) -> Any:
        """The decoded answer; bytes of a bill. Raises `_Refused`, `ProviderError`."""
        async with self._opening:
            if not self._is_open:
                await self._client.__aenter__()
                self._is_open = True
        try:
            status, answer = await getattr(self._client, call)(**values)
        except httpx.HTTPError as error:
            raise ProviderError(f"{type(error).__name__}: {error}") from None
        except Exception as error:  # the library's own are plain: an answer that WeChat Pay did not sign
            raise ProviderError(str(error)) from None
        if isinstance(answer, bytes) and status < 300 and call == "download_bill":
            return answer
        try:
            said = msgspec.json.decode(answer) if answer else {}
        except msgspec.DecodeError:
            said = {}
        if status < 300:
            return said
        code = str(said.get("code", status)) if isinstance(said, dict) else str(status)
        message = str(said.get("message", "")) if isinstance(said, dict) else ""
        if status >= 500 or status == 429 or code in LATER:
            raise ProviderError(f"{code}: {message}")
        raise _Refused(code, message)


def _read(said: Any, kind: type[T], trouble: type[Exception]) -> T:
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        raise trouble(str(error)) from None


def _number(text: str) -> UUID:
    """Ours, of a payment or of a refund's round. Raises `BadNotice`."""
    try:
        return UUID(hex=text.partition("-")[0])
    except ValueError:
        raise BadNotice("a number that is not ours") from None


def _refund_no(refund: Refund, turn: int) -> str:
    return f"{refund.id.hex}-{turn}" if turn else refund.id.hex


def _line(values: dict[str, str]) -> StatementLine:
    refund = values["交易状态"] == "REFUND"
    amount = values.get("申请退款金额") or values.get("退款金额") if refund else values["订单金额"]
    try:
        at = datetime.strptime(values["交易时间"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHOP_ZONE)
        amount_minor = int(Decimal(amount or "") * 100)
    except (ValueError, InvalidOperation):
        raise UnreadableStatement(errors=[{"field": "订单金额", "message": f"{amount!r}"}]) from None
    return StatementLine(
        kind="refund" if refund else "payment",
        number=(values.get("商户退款单号", "") if refund else values["商户订单号"]).partition("-")[0],
        trade_no=values.get("微信退款单号", "") if refund else values["微信订单号"],
        amount_minor=amount_minor,
        at=at,
    )
