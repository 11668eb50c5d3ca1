"""The demo's own visitors: they chat, like and buy from a sale of their own, over the same HTTP and WebSocket as
anybody, and a clip plays through the real WHIP road until a host takes over."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from typing import Any

import httpx
import msgspec
import structlog
from websockets.asyncio.client import ClientConnection, connect

from live.media.clip import make_demo_clip, publish_clip
from server.demo.goods import LINES, NAMES
from server.kit.settings import Settings

log = structlog.get_logger()

SALE_TITLE = "整点秒杀"
"""The only sale that the demo's visitors touch: whatever else is opened in the room is for whoever tries it out."""
SALE_STOCK = 30
MORE_STOCK = 600
"""Comes in when headquarters has no more for a sale: the demo runs for weeks."""
SALE_SECONDS = 600
PAUSE_S = (5.0, 12.0)
BUYS = 0.25
LEAVES_UNPAID = 0.25


async def act(settings: Settings, stop: asyncio.Event) -> None:
    """Until `stop`; whatever fails is tried again, since the web role may restart under it."""
    keys = msgspec.json.decode((settings.data / "demo.json").read_bytes())
    tls = settings.internal_tls()
    async with httpx.AsyncClient(base_url=settings.internal_url, timeout=10, verify=tls) as web:
        tasks = [
            asyncio.create_task(_again(_play_clip, settings, keys, stop)),
            asyncio.create_task(_again(_run_sale, web, keys, stop)),
            *(asyncio.create_task(_again(_visit, web, tls, keys, name, stop)) for name in NAMES),
        ]
        await stop.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _again(part: Any, *arguments: Any) -> None:
    stop: asyncio.Event = arguments[-1]
    while not stop.is_set():
        try:
            await part(*arguments)
        except Exception as error:
            log.info("demo waits", part=part.__name__, why=repr(error))
        await _pause(stop, 2.0)


async def _play_clip(settings: Settings, keys: dict[str, Any], stop: asyncio.Event) -> None:
    clip = settings.data / "demo-clip.mkv"
    if not clip.exists():
        fresh = clip.with_suffix(".new")
        await asyncio.to_thread(make_demo_clip, fresh)
        fresh.replace(clip)
    whip_url = f"{settings.internal_url}/whip/{keys['room_id']}"
    await publish_clip(clip, whip_url, keys["whip_token"], stop, verify=settings.internal_tls())
    await stop.wait()  # a host took over; the clip doesn't fight for the room


async def _run_sale(web: httpx.AsyncClient, keys: dict[str, Any], stop: asyncio.Event) -> None:
    while not stop.is_set():
        await keep_sale(web, keys)
        await _pause(stop, 15.0)


async def keep_sale(web: httpx.AsyncClient, keys: dict[str, Any]) -> None:
    """Keep a small sale of the second product running for the visitors."""
    operator = {"Authorization": f"Bearer {keys['accounts']['operator']['token']}"}
    sales = f"/api/rooms/{keys['room_id']}/flash-sales"
    answer = (await web.get(sales, headers=operator)).raise_for_status().json()
    running = [sale for sale in answer if sale["title"] == SALE_TITLE and sale["state"] == "open"]
    if any(line["free"] for sale in running for line in sale["lines"]):
        return
    for sale in running:
        await web.post(f"{sales}/{sale['sale_id']}/close", headers=operator)
    shelf = (await web.get(f"/api/rooms/{keys['room_id']}/public")).raise_for_status().json()["shelf"]
    sku = shelf[1 % len(shelf)]["skus"][0]
    if sku["free"] < SALE_STOCK:
        more = await web.post(f"/api/skus/{sku['sku_id']}/stock", headers=operator, json={"add": MORE_STOCK})
        more.raise_for_status()
    new = {
        "sku_id": sku["sku_id"],
        "price_minor": sku["price_minor"] * 7 // 10,
        "stock": SALE_STOCK,
        "title": SALE_TITLE,
        "hold_seconds": 60,
        "duration_seconds": SALE_SECONDS,
    }
    (await web.post(sales, headers=operator, json=new)).raise_for_status()


async def _visit(
    web: httpx.AsyncClient, tls: ssl.SSLContext, keys: dict[str, Any], name: str, stop: asyncio.Event
) -> None:
    """One visitor: enters by the guide's link, chats, likes, now and then buys."""
    await _pause(stop, random.uniform(0, 6))
    guest = (
        (await web.post("/api/guests", json={"name": name, "room_id": keys["room_id"]}))
        .raise_for_status()
        .json()
    )
    mine = {"Authorization": f"Bearer {guest['token']}"}
    code = keys["invite_url"].rsplit("/", 1)[1]
    await web.post(f"/api/invitations/{code}/touches", headers=mine)
    base = str(web.base_url).rstrip("/").replace("http", "ws", 1)
    address = f"{base}/ws/rooms/{keys['room_id']}?token={guest['token']}"
    async with connect(address, ssl=tls if base.startswith("wss") else None) as socket:
        await socket.send('{"type":"hello","v":1,"positions":{}}')
        listener = asyncio.create_task(_drain(socket))
        said = 0
        try:
            while not stop.is_set() and not listener.done():
                await _pause(stop, random.uniform(*PAUSE_S) * len(NAMES) / 3)
                said += 1
                line = {"type": "say", "ref": f"{name}-{said}", "text": random.choice(LINES)}
                await socket.send(msgspec.json.encode(line).decode())
                await socket.send(f'{{"type":"like","count":{random.randint(1, 9)}}}')
                if random.random() < BUYS:
                    await _buy(web, keys, mine, stop)
        finally:
            listener.cancel()


async def _buy(
    web: httpx.AsyncClient, keys: dict[str, Any], mine: dict[str, str], stop: asyncio.Event
) -> None:
    public = (await web.get(f"/api/rooms/{keys['room_id']}/public", headers=mine)).raise_for_status().json()
    for sale in public["sales"]:
        if sale["state"] != "open" or sale["title"] != SALE_TITLE:
            continue
        key = {**mine, "Idempotency-Key": random.randbytes(8).hex()}
        path = f"/api/rooms/{keys['room_id']}/flash-sales/{sale['sale_id']}/holds"
        held = await web.post(path, json={"quantity": 1}, headers=key)
        if held.status_code == 201 and random.random() > LEAVES_UNPAID:
            await _pause(stop, random.uniform(1, 8))
            order = held.json()["order_id"]
            pay = await web.post(f"/api/orders/{order}/payments", json={"provider": "sandbox"}, headers=mine)
            await web.post(f"/sandbox/payments/{pay.json()['payment_id']}/approve")


async def _drain(socket: ClientConnection) -> None:
    async for _ in socket:
        pass


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
