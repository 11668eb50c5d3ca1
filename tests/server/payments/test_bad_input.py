"""What strangers send: notices that were changed, too old, for others; other members' payments. Nothing comes of it."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from sqlalchemy import text

from server.kit.ids import uuid7
from server.payments.providers.port import Notice
from server.payments.providers.sandbox import Sandbox
from tests.server.payments.stripe_server import SECRET
from tests.server.payments.till import PRICE_MINOR
from tests.server.payments.wechat import APP, MERCHANT


async def nothing_happened(till) -> None:
    async with till.database.transaction() as session:
        for statement in (
            "SELECT count(*) FROM payment_event",
            "SELECT count(*) FROM payment WHERE status <> 'pending'",
            "SELECT count(*) FROM orders WHERE status <> 'awaiting_payment' OR paid_minor <> 0",
        ):
            assert (await session.execute(text(statement))).scalar_one() == 0


def mutated(raw: bytes, headers: dict[str, str], rng: random.Random) -> tuple[bytes, dict[str, str]]:
    """One small change in the body or in a header."""
    body, said = bytearray(raw), dict(headers)
    match rng.randrange(6):
        case 0:
            body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
        case 1:
            del body[rng.randrange(len(body)) :]
        case 2:
            at = rng.randrange(len(body))
            body[at:at] = rng.randbytes(rng.randrange(1, 9))
        case 3:
            body = bytearray(rng.choice([b"", b"null", b"[]", b"{}", b"\xff\xfe", b'{"id": 1}', b"[" * 5000]))
        case 4:
            name = rng.choice(sorted(said))
            value = said[name]
            at = rng.randrange(len(value))
            said[name] = value[:at] + rng.choice("0aZ=,-") + value[at + 1 :]
            if said[name] == value or base64_means_the_same(value, said[name]):
                del said[name]
        case _:
            del said[rng.choice(sorted(said))]
    if bytes(body) == raw and said == headers:
        body += b" "
    return bytes(body), said


def base64_means_the_same(one: str, other: str) -> bool:
    """The last letter of base64 has bits that nobody reads."""
    try:
        return base64.b64decode(one) == base64.b64decode(other)
    except ValueError:
        return False


async def test_two_thousand_changed_notices_are_refused_and_nothing_comes_of_them(till, wechat_pay, stripe):
    _, _, at_wechat = await till.started("wechat_pay")
    wechat_pay.pay(at_wechat["payment_id"].replace("-", ""))
    _, _, at_stripe = await till.started("stripe")
    session = stripe.pay((await till.payment(at_stripe["payment_id"])).provider_ref)
    _, _, at_sandbox = await till.started("sandbox")
    paid = Notice("evt_1", await_id(at_sandbox), True, PRICE_MINOR)
    genuine = {
        "wechat_pay": wechat_pay.told(at_wechat["payment_id"].replace("-", "")),
        "stripe": stripe.told("checkout.session.completed", session),
        "sandbox": Sandbox(till.settings, till.database).signed(paid, till.now()),
    }
    genuine["sandbox"][1].pop("content-type")
    rng = random.Random(7)
    statuses: dict[int, int] = {}
    for turn in range(2000):
        provider = ("wechat_pay", "stripe", "sandbox")[turn % 3]
        raw, headers = mutated(*genuine[provider], rng)
        answer = await till.notify(provider, (raw, headers))
        assert 400 <= answer.status_code < 500, (provider, raw, headers, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
    assert sum(statuses.values()) == 2000
    await nothing_happened(till)
    for provider, notice in genuine.items():
        assert (await till.notify(provider, notice)).json() == {"new": True}, provider


def await_id(started: dict[str, Any]) -> Any:
    from uuid import UUID

    return UUID(started["payment_id"])


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"mchid": "1900000999"}, 400),
        ({"appid": "wx0000000000000000"}, 400),
        ({"out_trade_no": "not-one-of-ours"}, 400),
        ({"out_trade_no": uuid7().hex}, 404),
        ({"trade_state": "NOTPAY"}, 400),
        ({"amount": {"total": PRICE_MINOR, "currency": "USD"}}, 400),
        ({"amount": {"total": PRICE_MINOR - 1, "currency": "CNY"}}, 409),
        ({"amount": {"total": str(PRICE_MINOR), "currency": "CNY"}}, 400),
        ({"amount": None}, 400),
        ({"success_time": "yesterday"}, 400),
    ],
)
async def test_a_genuine_notice_of_wechat_pay_that_is_not_about_our_payment(
    till, wechat_pay, changes, status
):
    _, _, started = await till.started("wechat_pay")
    number = started["payment_id"].replace("-", "")
    wechat_pay.pay(number)
    answer = await till.notify("wechat_pay", wechat_pay.told(number, **changes))
    assert answer.status_code == status
    await nothing_happened(till)


async def test_notices_of_wechat_pay_with_the_wrong_age_key_or_signer(till, wechat_pay):
    _, _, started = await till.started("wechat_pay")
    number = started["payment_id"].replace("-", "")
    wechat_pay.pay(number)
    about = {"mchid": MERCHANT, "appid": APP, "out_trade_no": number}
    raw, headers = wechat_pay.told(number)
    for notice in (
        wechat_pay.notice("TRANSACTION.SUCCESS", about, age_s=301),
        wechat_pay.notice("TRANSACTION.SUCCESS", about, age_s=-301),
        wechat_pay.notice("TRANSACTION.SUCCESS", about, key="f" * 32),
        (raw, wechat_pay.signed(raw, by="somebody else")),
        (raw, headers | {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + headers["Wechatpay-Signature"]}),
        (raw, headers | {"Wechatpay-Serial": "PUB_KEY_ID_OF_ANOTHER"}),
    ):
        answer = await till.notify("wechat_pay", notice)
        assert (answer.status_code, answer.json()["slug"]) == (400, "bad-notice")
    await nothing_happened(till)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"currency": "usd"}, 400),
        ({"amount_total": PRICE_MINOR + 1}, 409),
        ({"amount_total": "much"}, 400),
        ({"client_reference_id": str(uuid7())}, 404),
        ({"client_reference_id": "42"}, 400),
        ({"payment_status": "unpaid"}, 200),
    ],
)
async def test_a_genuine_notice_of_stripe_that_is_not_about_our_payment(till, stripe, changes, status):
    _, _, started = await till.started("stripe")
    session = stripe.pay((await till.payment(started["payment_id"])).provider_ref) | changes
    answer = await till.notify("stripe", stripe.told("checkout.session.completed", session))
    assert answer.status_code == status, answer.text
    await nothing_happened(till)


async def test_notices_of_stripe_with_the_wrong_age_or_secret(till, stripe):
    import stripe as library

    _, _, started = await till.started("stripe")
    session = stripe.pay((await till.payment(started["payment_id"])).provider_ref)
    raw, _ = stripe.told("checkout.session.completed", session)
    sign = library.WebhookSignature.generate_signature_header
    now = int(till.now().timestamp())
    for header in (
        sign(raw.decode(), SECRET, now - 301),
        sign(raw.decode(), SECRET, now + 301),
        sign(raw.decode(), "whsec_another", now),
        "t=1,v1=",
        "",
    ):
        answer = await till.notify("stripe", (raw, {"Stripe-Signature": header}))
        assert (answer.status_code, answer.json()["slug"]) == (400, "bad-notice")
    await nothing_happened(till)


async def test_one_trade_pays_one_payment(till, wechat_pay):
    _, _, first = await till.started("wechat_pay")
    _, other_order, second = await till.started("wechat_pay")
    number, other = (one["payment_id"].replace("-", "") for one in (first, second))
    trade = wechat_pay.pay(number)
    wechat_pay.pay(other)
    await till.notify("wechat_pay", wechat_pay.told(number))
    stolen = wechat_pay.told(other, transaction_id=trade.transaction_id)
    answer = await till.notify("wechat_pay", stolen)
    assert (answer.status_code, answer.json()["slug"]) == (409, "trade-number-taken")
    assert (await till.read(other_order)).status == "awaiting_payment"


async def test_a_providers_notice_says_nothing_about_another_providers_payment(till):
    _, _, started = await till.started("wechat_pay")
    paid = Notice("evt_1", await_id(started), True, PRICE_MINOR)
    notice = Sandbox(till.settings, till.database).signed(paid, till.now())
    assert (await till.notify("sandbox", notice)).status_code == 404
    assert (await till.notify("paypal", notice)).status_code == 404
    await nothing_happened(till)


async def test_nobody_sees_or_begins_another_members_payment(till):
    _, order_id, started = await till.started("sandbox")
    stranger = await till.shop.member("Stranger")
    assert (await till.ask(stranger, "GET", f"/api/payments/{started['payment_id']}")).status_code == 404
    assert (await till.ask(None, "GET", f"/api/payments/{started['payment_id']}")).status_code == 401
    assert (await till.start(stranger, order_id, "sandbox")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"provider": "alipay"},
        {"provider": "sandbox", "amount_minor": 1},
        {"provider": "sandbox", "scene": "moon"},
        {"provider": "sandbox", "return_url": "https://elsewhere.example"},
        {"provider": 5},
        {},
    ],
)
async def test_a_payment_that_is_asked_for_wrongly_does_not_begin(till, body):
    member = await till.shop.member()
    answer = await till.ask(
        member, "POST", f"/api/orders/{await till.order(member)}/payments", content=json.dumps(body)
    )
    assert answer.status_code == 422, answer.text
    async with till.database.transaction() as session:
        assert (await session.execute(text("SELECT count(*) FROM payment"))).scalar_one() == 0
