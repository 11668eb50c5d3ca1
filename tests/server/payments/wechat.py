"""A strict WeChat Pay on loopback: it checks what the real one checks, signs its answers, encrypts its notices.

After https://pay.weixin.qq.com/doc/v3/merchant/4012365342 (signatures), 4012071382 (notices), 4013070347 (error codes).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import ipaddress
import json
import re
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from server.kit.clock import SHOP_ZONE
from server.kit.settings import WeChatPayAccount

MERCHANT, APP, SERIAL = "1900000109", "wxd678efh567hg6787", "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
API_V3_KEY = "0123456789abcdef0123456789ABCDEF"
KEY_ID = "PUB_KEY_ID_0119000001092024"
ORDER_FIELDS = {"appid", "mchid", "description", "out_trade_no", "time_expire", "notify_url", "amount"}
SCHEME = "WECHATPAY2-SHA256-RSA2048"
BILL = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,"
    "应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,"
    "手续费,费率,订单金额,申请退款金额,费率备注"
)


@cache
def keys(of: str) -> rsa.RSAPrivateKey:
    """Shorter than real ones: each test loads them."""
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


def account(api: str) -> WeChatPayAccount:
    private = keys("merchant").private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = (
        keys("platform")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return WeChatPayAccount(
        merchant_id=MERCHANT,
        app_id=APP,
        certificate_serial=SERIAL,
        private_key=private.decode().strip(),
        api_v3_key=API_V3_KEY,
        public_key=public.decode().strip(),
        public_key_id=KEY_ID,
        api=api,
    )


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str = "refused") -> None:
        self.status, self.code, self.message = status, code, message


def must(true: object, status: int, code: str, message: str = "refused") -> None:
    if not true:
        raise Refusal(status, code, message)


@dataclass
class Trade:
    order: dict[str, Any]
    kind: str
    state: str = "NOTPAY"
    transaction_id: str = ""
    paid_at: datetime | None = None

    @property
    def total(self) -> int:
        return self.order["amount"]["total"]


@dataclass
class RefundAtWeChat:
    number: str
    trade: Trade
    amount: int
    status: str
    id: str = field(default_factory=lambda: "5030" + secrets.token_hex(10))
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class WeChat:
    """`asked` lists (method, path) of what came with a right signature."""

    def __init__(self) -> None:
        self.trades: dict[str, Trade] = {}
        self.refunds: dict[str, RefundAtWeChat] = {}
        self.asked: list[tuple[str, str]] = []
        self.balance_minor = 10_000_000
        self.refunds_become = "SUCCESS"
        self.refuse_next: list[Refusal] = []
        self.forges_answers = False
        self.clock_ahead_s = 0
        self._nonces: set[str] = set()
        self._bills: dict[str, bytes] = {}
        self.url = ""

    async def start(self) -> None:
        app = web.Application(middlewares=[self._guard])
        app.router.add_post("/v3/pay/transactions/{kind:native|h5|jsapi}", self._order)
        app.router.add_get("/v3/pay/transactions/out-trade-no/{number}", self._query)
        app.router.add_post("/v3/pay/transactions/out-trade-no/{number}/close", self._close)
        app.router.add_post("/v3/refund/domestic/refunds", self._refund)
        app.router.add_get("/v3/refund/domestic/refunds/{number}", self._query_refund)
        app.router.add_get("/v3/bill/tradebill", self._bill)
        app.router.add_get("/v3/billdownload/file", self._download)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]

    async def stop(self) -> None:
        await self._runner.cleanup()

    # What happens on the buyer's phone

    def pay(self, number: str) -> Trade:
        trade = self.trades[number]
        assert trade.state == "NOTPAY", trade.state
        trade.state, trade.transaction_id = "SUCCESS", "4200" + secrets.token_hex(12)
        trade.paid_at = datetime.now(UTC).replace(microsecond=0)
        return trade

    def told(self, number: str, **changes: Any) -> tuple[bytes, dict[str, str]]:
        """The notice of a paid trade, as it is sent: raw body and headers."""
        return self.notice("TRANSACTION.SUCCESS", self._shown(self.trades[number]) | changes)

    def told_of_refund(self, number: str, **changes: Any) -> tuple[bytes, dict[str, str]]:
        refund = self.refunds[number]
        shown = self._shown_refund(refund)
        shown["refund_status"] = shown.pop("status")
        return self.notice(f"REFUND.{refund.status}", {"mchid": MERCHANT, **shown} | changes)

    def notice(
        self, kind: str, resource: dict[str, Any], *, age_s: int = 0, key: str = API_V3_KEY
    ) -> tuple[bytes, dict[str, str]]:
        nonce, about = secrets.token_hex(6), kind.partition(".")[0].lower()
        sealed = AESGCM(key.encode()).encrypt(nonce.encode(), json.dumps(resource).encode(), about.encode())
        body = json.dumps(
            {
                "id": f"EV-{secrets.token_hex(12)}",
                "create_time": datetime.now(SHOP_ZONE).isoformat(timespec="seconds"),
                "resource_type": "encrypt-resource",
                "event_type": kind,
                "summary": "支付成功",
                "resource": {
                    "original_type": about,
                    "algorithm": "AEAD_AES_256_GCM",
                    "ciphertext": base64.b64encode(sealed).decode(),
                    "associated_data": about,
                    "nonce": nonce,
                },
            }
        ).encode()
        return body, self.signed(body, age_s=age_s)

    def signed(self, body: bytes, *, age_s: int = 0, by: str = "platform") -> dict[str, str]:
        stamp, nonce = str(int(time.time()) - age_s), secrets.token_hex(16)
        signature = keys(by).sign(f"{stamp}\n{nonce}\n".encode() + body + b"\n", PKCS1v15(), SHA256())
        return {
            "Wechatpay-Serial": KEY_ID,
            "Wechatpay-Timestamp": stamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": base64.b64encode(signature).decode(),
            "Wechatpay-Signature-Type": SCHEME,
        }

    def settle_refund(self, number: str, status: str) -> None:
        refund = self.refunds[number]
        refund.status, refund.at = status, datetime.now(UTC)

    # What the merchant's server asks

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        raw = await request.read()
        try:
            self._must_be_signed(request, raw)
            self.asked.append((request.method, request.path_qs))
            if self.refuse_next:
                raise self.refuse_next.pop(0)
            answer = await handler(request, json.loads(raw) if raw else {})
        except Refusal as refusal:
            said = json.dumps({"code": refusal.code, "message": refusal.message})
            return web.Response(text=said, status=refusal.status, content_type="application/json")
        if isinstance(answer, bytes):
            return web.Response(body=answer, content_type="text/plain")
        body = json.dumps(answer, ensure_ascii=False).encode() if answer is not None else b""
        by = "somebody else" if self.forges_answers else "platform"
        headers = self.signed(body, by=by) | {"Content-Type": "application/json; charset=utf-8"}
        return web.Response(body=body, status=200 if body else 204, headers=headers)

    def _must_be_signed(self, request: web.Request, raw: bytes) -> None:
        scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
        given = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        must(scheme == SCHEME, 401, "SIGN_ERROR", "scheme")
        must(given.get("mchid") == MERCHANT and given.get("serial_no") == SERIAL, 401, "SIGN_ERROR", "whose")
        must(request.headers.get("Accept") == "application/json", 400, "PARAM_ERROR", "Accept")
        must(request.headers.get("User-Agent"), 403, "PARAM_ERROR", "User-Agent")
        must(request.headers.get("Wechatpay-Serial") == KEY_ID, 400, "PARAM_ERROR", "Wechatpay-Serial")
        now = time.time() + self.clock_ahead_s
        must(abs(now - int(given["timestamp"])) <= 300, 401, "SIGN_ERROR", "Http头Authorization中的timestamp")
        must(given["nonce_str"] not in self._nonces, 401, "SIGN_ERROR", "a nonce again")
        self._nonces.add(given["nonce_str"])
        said = f"{request.method}\n{request.path_qs}\n{given['timestamp']}\n{given['nonce_str']}\n".encode()
        try:
            keys("merchant").public_key().verify(
                base64.b64decode(given["signature"]), said + raw + b"\n", PKCS1v15(), SHA256()
            )
        except InvalidSignature:
            raise Refusal(401, "SIGN_ERROR", "签名错误") from None

    async def _order(self, request: web.Request, order: dict[str, Any]) -> dict[str, str]:
        kind = request.match_info["kind"]
        extra = {"h5": {"scene_info"}, "jsapi": {"payer"}}.get(kind, set())
        must(set(order) == ORDER_FIELDS | extra, 400, "PARAM_ERROR", f"fields {sorted(order)}")
        must(order["appid"] == APP and order["mchid"] == MERCHANT, 400, "APPID_MCHID_NOT_MATCH")
        must(0 < len(order["description"]) <= 127, 400, "PARAM_ERROR", "description")
        number = order["out_trade_no"]
        must(re.fullmatch(r"[0-9A-Za-z_\-|*]{6,32}", number), 400, "PARAM_ERROR", "out_trade_no")
        must(
            re.fullmatch(r"https://[^?#]+", order["notify_url"]) and len(order["notify_url"]) <= 255,
            400,
            "PARAM_ERROR",
            "notify_url",
        )
        amount = order["amount"]
        good = set(amount) == {"total", "currency"} and type(amount["total"]) is int and amount["total"] > 0
        must(good and amount["currency"] == "CNY", 400, "PARAM_ERROR", "amount")
        must(re.search(r"T\d\d:\d\d:\d\d\+08:00$", order["time_expire"]), 400, "PARAM_ERROR", "time_expire")
        ends = datetime.fromisoformat(order["time_expire"])
        if kind == "h5":
            scene = order["scene_info"]
            must(set(scene) == {"payer_client_ip", "h5_info"}, 400, "PARAM_ERROR", "scene_info")
            must(scene["h5_info"] == {"type": "Wap"}, 400, "PARAM_ERROR", "h5_info")
            try:
                ipaddress.ip_address(scene["payer_client_ip"])
            except ValueError:
                raise Refusal(400, "PARAM_ERROR", "payer_client_ip") from None
        if kind == "jsapi":
            must(set(order["payer"]) == {"openid"} and order["payer"]["openid"], 400, "PARAM_ERROR", "payer")
        if known := self.trades.get(number):
            must(known.state not in {"SUCCESS", "REFUND"}, 400, "ORDERPAID", "该订单已支付")
            must(known.state != "CLOSED", 400, "ORDER_CLOSED", "订单已关闭")
            must((known.kind, known.order) == (kind, order), 403, "OUT_TRADE_NO_USED", "商户订单号重复")
        else:
            in_time = ends >= datetime.now(UTC) + timedelta(minutes=1)
            must(in_time, 400, "PARAM_ERROR", "time_expire is under a minute")
            self.trades[number] = Trade(order, kind)
        token = secrets.token_hex(8)
        match kind:
            case "native":
                return {"code_url": f"weixin://wxpay/bizpayurl?pr={token}"}
            case "h5":
                return {"h5_url": f"https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx{token}"}
            case _:
                return {"prepay_id": f"wx{token}"}

    def _trade(self, request: web.Request) -> Trade:
        trade = self.trades.get(request.match_info["number"])
        if trade is None:
            raise Refusal(404, "ORDER_NOT_EXIST", "订单不存在")
        return trade

    async def _query(self, request: web.Request, _: dict[str, Any]) -> dict[str, Any]:
        must(request.query.get("mchid") == MERCHANT, 400, "MCH_NOT_EXISTS")
        return self._shown(self._trade(request))

    def _shown(self, trade: Trade) -> dict[str, Any]:
        shown = {
            "appid": APP,
            "mchid": MERCHANT,
            "out_trade_no": trade.order["out_trade_no"],
            "trade_state": trade.state,
            "trade_state_desc": trade.state,
            "amount": {"total": trade.total, "currency": "CNY"},
        }
        if trade.paid_at:
            shown |= {
                "transaction_id": trade.transaction_id,
                "trade_type": trade.kind.upper(),
                "bank_type": "OTHERS",
                "success_time": trade.paid_at.astimezone(SHOP_ZONE).isoformat(timespec="seconds"),
                "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
            }
            shown["amount"] |= {"payer_total": trade.total, "payer_currency": "CNY"}
        return shown

    async def _close(self, request: web.Request, asked: dict[str, Any]) -> None:
        must(asked == {"mchid": MERCHANT}, 400, "PARAM_ERROR")
        trade = self._trade(request)
        must(trade.state not in {"SUCCESS", "REFUND"}, 400, "ORDERPAID", "该订单已支付")
        trade.state = "CLOSED"

    async def _refund(self, request: web.Request, asked: dict[str, Any]) -> dict[str, Any]:
        needed = {"out_refund_no", "out_trade_no", "amount", "notify_url"}
        must(needed <= set(asked) <= needed | {"reason"}, 400, "PARAM_ERROR", f"fields {sorted(asked)}")
        must(0 < len(asked.get("reason", "x")) <= 80, 400, "PARAM_ERROR", "reason")
        number, amount = asked["out_refund_no"], asked["amount"]
        must(re.fullmatch(r"[0-9A-Za-z_\-|*@]{1,64}", number), 400, "PARAM_ERROR", "out_refund_no")
        must(set(amount) == {"refund", "total", "currency"}, 400, "PARAM_ERROR", "amount")
        trade = self.trades.get(asked["out_trade_no"])
        if trade is None:
            raise Refusal(404, "RESOURCE_NOT_EXISTS", "订单不存在")
        must(trade.state in {"SUCCESS", "REFUND"}, 400, "INVALID_REQUEST", "not paid")
        must(amount["total"] == trade.total, 400, "PARAM_ERROR", "total")
        if known := self.refunds.get(number):
            same = known.trade is trade and known.amount == amount["refund"]
            must(same, 400, "INVALID_REQUEST", "another refund of this number")
            return self._shown_refund(known)
        alive = [r.amount for r in self.refunds.values() if r.trade is trade and r.status != "CLOSED"]
        fits = type(amount["refund"]) is int and 0 < amount["refund"] <= trade.total - sum(alive)
        must(fits, 400, "INVALID_REQUEST", "累计退款金额超过订单金额")
        must(amount["refund"] <= self.balance_minor, 403, "NOT_ENOUGH", "余额不足")
        self.refunds[number] = RefundAtWeChat(number, trade, amount["refund"], self.refunds_become)
        trade.state = "REFUND"
        return self._shown_refund(self.refunds[number])

    async def _query_refund(self, request: web.Request, _: dict[str, Any]) -> dict[str, Any]:
        refund = self.refunds.get(request.match_info["number"])
        if refund is None:
            raise Refusal(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        return self._shown_refund(refund)

    def _shown_refund(self, refund: RefundAtWeChat) -> dict[str, Any]:
        shown = {
            "refund_id": refund.id,
            "out_refund_no": refund.number,
            "transaction_id": refund.trade.transaction_id,
            "out_trade_no": refund.trade.order["out_trade_no"],
            "channel": "ORIGINAL",
            "status": refund.status,
            "amount": {"total": refund.trade.total, "refund": refund.amount, "currency": "CNY"},
        }
        if refund.status == "SUCCESS":
            shown["success_time"] = refund.at.astimezone(SHOP_ZONE).isoformat(timespec="seconds")
        return shown

    async def _bill(self, request: web.Request, _: dict[str, Any]) -> dict[str, str]:
        must(request.query["tar_type"] == "GZIP" and request.query["bill_type"] == "ALL", 400, "PARAM_ERROR")
        with suppress(ValueError):
            raw = self.bill(request.query["bill_date"])
            must(raw, 400, "NO_STATEMENT_EXIST", "账单文件不存在")
            token = secrets.token_hex(8)
            self._bills[token] = gzip.compress(raw)
            url = f"{self.url}/v3/billdownload/file?token={token}"
            return {
                "hash_type": "SHA1",
                "hash_value": hashlib.sha1(raw).hexdigest(),
                "download_url": url,
            }
        raise Refusal(400, "PARAM_ERROR", "bill_date")

    async def _download(self, request: web.Request, _: dict[str, Any]) -> bytes:
        return self._bills[parse_qs(request.query_string)["token"][0]]

    def bill(self, day: str) -> bytes:
        """The trade bill of a day, in the columns of 4012062538; empty when nothing was traded."""
        rows: list[dict[str, str]] = []
        for number, trade in self.trades.items():
            if trade.paid_at and str(trade.paid_at.astimezone(SHOP_ZONE).date()) == day:
                rows.append(_row(trade, number, "SUCCESS", trade.paid_at, 订单金额=_yuan(trade.total)))
        for refund in self.refunds.values():
            if refund.status == "SUCCESS" and str(refund.at.astimezone(SHOP_ZONE).date()) == day:
                back = {
                    "微信退款单号": refund.id,
                    "商户退款单号": refund.number,
                    "退款金额": _yuan(refund.amount),
                    "申请退款金额": _yuan(refund.amount),
                    "退款状态": "SUCCESS",
                }
                order = refund.trade.order["out_trade_no"]
                rows.append(_row(refund.trade, order, "REFUND", refund.at, 订单金额="0.00", **back))
        if not rows:
            return b""
        lines = [BILL]
        lines += [",".join("`" + row.get(name, "0.00") for name in BILL.split(",")) for row in rows]
        lines += [
            "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
        ]
        lines += [f"`{len(rows)},`0.00,`0.00,`0.00,`0.00,`0.00,`0.00"]
        return b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n"


def _row(trade: Trade, number: str, state: str, at: datetime, **more: str) -> dict[str, str]:
    return {
        "交易时间": at.astimezone(SHOP_ZONE).strftime("%Y-%m-%d %H:%M:%S"),
        "公众账号ID": APP,
        "商户号": MERCHANT,
        "微信订单号": trade.transaction_id,
        "商户订单号": number,
        "交易类型": trade.kind.upper(),
        "交易状态": state,
        "货币种类": "CNY",
        "商品名称": trade.order["description"].replace(",", " "),
        **more,
    }


def _yuan(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"
