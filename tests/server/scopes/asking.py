"""Requests made from the OpenAPI document, about brand A's things, and the app asked without a socket."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from litestar import Litestar

from server.kit.clock import utc_now
from server.kit.ids import uuid7
from tests.server.scopes.world import PASSWORD, PRICE, Actor, World

METHODS = ("get", "post", "put", "patch", "delete")
SDP = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"

Make = Callable[[World, Actor], Any]


def _line(world: World, quantity: int = 1) -> dict[str, Any]:
    return {"lines": [{"sku_id": world.things["sku_id"], "quantity": quantity}]}


def _units(world: World, order: str) -> list[dict[str, Any]]:
    return [{"line_id": world.things[order.replace("order_id", "line_id")], "quantity": 1}]


def _address(world: World, actor: Actor) -> dict[str, Any]:
    return {
        "name": "Li",
        "phone": "13800138000",
        "province": "Zhejiang",
        "city": "Hangzhou",
        "detail": "Lane 1",
    }


THINGS: dict[str, dict[str, str]] = {
    "POST /api/rooms/{room_id}/flash-sales/{sale_id}/price": {"sale_id": "dropping_sale_id"},
    "DELETE /api/rooms/{room_id}/mutes/{member_id}": {"member_id": "troubled_id"},
    "DELETE /api/rooms/{room_id}/bans/{member_id}": {"member_id": "troubled_id"},
    "DELETE /api/rooms/{room_id}/moderators/{member_id}": {"member_id": "troubled_id"},
    "POST /api/rooms/{room_id}/messages/{message_id}/restore": {"message_id": "deleted_message_id"},
    "POST /api/rooms/{room_id}/messages/{message_id}/review": {"message_id": "waiting_message_id"},
    "POST /api/rooms/{room_id}/shelf": {"product_id": "another_product_id"},
    "POST /api/orders/{order_id}/cancel": {"order_id": "unpaid_order_id"},
    "POST /api/orders/{order_id}/extensions": {"order_id": "unpaid_order_id"},
    "POST /api/orders/{order_id}/payments": {"order_id": "unpaid_order_id"},
    "POST /api/orders/{order_id}/pick-ups": {"order_id": "waiting_order_id"},
    "GET /api/orders/{order_id}/pick-up-code.svg": {"order_id": "waiting_order_id"},
    "POST /api/after-sales/{case_id}/agree": {"case_id": "returned_case_id"},
    "POST /api/after-sales/{case_id}/parcel": {"case_id": "agreed_case_id"},
    "GET /api/conversations/{conversation_id}/lines/{number}/picture": {"number": "picture_number"},
    "DELETE /api/conversations/{conversation_id}/lines/{number}": {"number": "picture_number"},
    "GET /api/invitations/{code}/product": {"code": "shelf_code"},
    "GET /api/invitations/{code}/card.png": {"code": "shelf_code"},
    "POST /api/invitations/{code}/orders": {"code": "shelf_code"},
}
"""Where an operation is about another thing than `World.things` has under its parameter's name."""

VALUES = {
    "provider": "sandbox",
    "day": (utc_now().date() - timedelta(days=2)).isoformat(),
    "resource_id": "0.nothing",
    "phone": "13800138000",
    "login": "someone-new",
    "password": PASSWORD,
    "pattern": "badword",
    "effect": "refuse",
    "role": "guide",
    "code": "123456",
}
"""Of parameters and fields that aren't ids, by name."""

BODIES: dict[str, Make] = {
    "POST /api/session": lambda w, a: {"login": w.here["finance"].login, "password": PASSWORD},
    "PUT /api/session/password": lambda w, a: {"current": PASSWORD, "password": PASSWORD + "!"},
    "POST /api/setup": lambda w, a: dict.fromkeys(
        ("token", "brand_name", "store_name", "name", "login", "password"), "something"
    ),
    "POST /api/accounts": lambda w, a: {
        "name": "New",
        "login": "new-one",
        "role": "guide",
        "password": PASSWORD,
        "store_id": w.things["store_id"],
    },
    "PATCH /api/accounts/{account_id}": lambda w, a: {"name": "Renamed"},
    "PATCH /api/stores/{store_id}": lambda w, a: {"region": "East"},
    "PATCH /api/products/{product_id}": lambda w, a: {"title": "Renamed"},
    "PUT /api/products/{product_id}/image": lambda w, a: w.png("a"),
    "POST /api/products/imports": lambda w, a: b"title,price\nCup,1.00\n",
    "POST /api/rooms/{room_id}/shelf/import": lambda w, a: b"title,price\nCup,1.00\n",
    "POST /api/words/import": lambda w, a: b"oneword\n",
    "POST /api/shipments/imports": lambda w, a: (
        f"order number,carrier,tracking number\n{w.things['number']},SF,1\n".encode()
    ),
    "PATCH /api/rooms/{room_id}": lambda w, a: {"title": "Renamed"},
    "PUT /api/stores/{store_id}/carrying/{room_id}": lambda w, a: {"greeting": f"Hi from {a.name}"},
    "POST /api/rooms": lambda w, a: {"title": "Another show", "template": w.things["template"]},
    "POST /api/rooms/one-tap": lambda w, a: {"kind": "advice"},
    "POST /api/session-templates": lambda w, a: {"name": "Like tonight", "room_id": w.things["room_id"]},
    "PATCH /api/session-templates/{template_id}": lambda w, a: {"name": "Renamed"},
    "POST /api/rooms/{room_id}/state": lambda w, a: {"action": "pause"},
    "PUT /api/rooms/{room_id}/shelf": lambda w, a: {"product_ids": [w.things["product_id"]]},
    "POST /api/rooms/{room_id}/shelf": lambda w, a: {"product_id": w.things["another_product_id"]},
    "POST /api/rooms/{room_id}/orders": lambda w, a: _line(w),
    "POST /api/rooms/{room_id}/baskets": lambda w, a: _line(w),
    "POST /api/invitations/{code}/orders": lambda w, a: _line(w),
    "POST /api/rooms/{room_id}/flash-sales": lambda w, a: {
        "sku_id": w.things["sku_id"],
        "price_minor": PRICE,
        "stock": 1,
    },
    "POST /api/rooms/{room_id}/flash-sales/{sale_id}/price": lambda w, a: {"price_minor": PRICE - 1},
    "POST /api/rooms/{room_id}/flash-sales/{sale_id}/holds": lambda w, a: {"quantity": 1},
    "POST /api/rooms/{room_id}/flash-sales/{sale_id}/waitlist": lambda w, a: {"quantity": 1},
    "POST /api/orders/{order_id}/refunds": lambda w, a: {"amount_minor": 100},
    "POST /api/orders/{order_id}/after-sales": lambda w, a: {
        "kind": "refund_only",
        "reason": "damaged",
        "lines": _units(w, "order_id"),
    },
    "POST /api/orders/{order_id}/after-sale-pictures": lambda w, a: w.png("a crack"),
    "PUT /api/orders/{order_id}/delivery": lambda w, a: {
        "method": "address",
        "address_id": w.things["address_id"],
    },
    "POST /api/orders/{order_id}/payments": lambda w, a: {"provider": "sandbox"},
    "POST /api/orders/{order_id}/pick-ups": lambda w, a: {"code": "73519172"},
    "POST /api/stores/{store_id}/pick-ups": lambda w, a: {"code": "73519172"},
    "POST /api/after-sales/{case_id}/agree": lambda w, a: {
        "name": "Li",
        "phone": "13800138000",
        "address": "Lane 1, Hangzhou",
    },
    "POST /api/after-sales/{case_id}/refund": lambda w, a: {},
    "POST /api/packing-lists": lambda w, a: {"order_ids": [w.things["order_id"]]},
    "POST /api/conversations": lambda w, a: (
        {} if a.name in {"buyer", "viewer", ""} else {"member_id": w.things["member_id"]}
    ),
    "POST /api/conversations/{conversation_id}/lines": lambda w, a: {"text": "Hello"},
    "POST /api/conversations/{conversation_id}/pictures": lambda w, a: w.png("a cup"),
    "POST /api/addresses": _address,
    "PUT /api/addresses/{address_id}": _address,
    "POST /api/stock/moves": lambda w, a: {
        "sku_id": w.things["sku_id"],
        "source": {"pool": "headquarters"},
        "target": {"pool": "store", "id": w.things["store_id"]},
        "quantity": 1,
    },
    "POST /api/skus/{sku_id}/stock": lambda w, a: {"add": 1},
    "POST /api/payments/reconciliations": lambda w, a: b"",
    "POST /api/payments/webhooks/{provider}": lambda w, a: b"{}",
    "POST /api/wallet/top-ups": lambda w, a: {"amount_minor": 100, "provider": "sandbox"},
    "POST /api/accounts/imports": lambda w, a: b"name,phone,role,store\nLi,13800138000,guide,Lakeside\n",
    "POST /api/stores/imports": lambda w, a: b"name,code,region,address\nNew,NEW,East,Lane 1\n",
    "PUT /api/attribution/policy": lambda w, a: {"follows": 0, "policy": {"window_days": 3}},
    "POST /api/campaigns": lambda w, a: {"name": "Spring"},
    "PATCH /api/campaigns/{campaign_id}": lambda w, a: {"name": "Summer"},
    "PUT /api/poster-template": lambda w, a: {"colour": "#114477"},
    "POST /api/pictures": lambda w, a: w.png("a logo"),
    "PUT /api/session/face": lambda w, a: w.png("a face"),
    "PUT /api/accounts/{account_id}/face": lambda w, a: w.png("a face"),
    "POST /api/disputes": lambda w, a: {"words": "It was mine", "credit_id": w.things["credit_id"]},
    "POST /api/disputes/{dispute_id}/decision": lambda w, a: {"granted": False, "reason": "It was not"},
    "POST /api/guests": lambda w, a: {"name": "Guest", "room_id": w.things["room_id"]},
    "POST /api/phone-codes": lambda w, a: {"phone": "13800138000", "room_id": w.things["room_id"]},
    "POST /api/rooms/{room_id}/mutes": lambda w, a: {"member_id": w.things["member_id"], "minutes": 5},
    "POST /api/rooms/{room_id}/messages/{message_id}/review": lambda w, a: {"shown": True},
    "PATCH /api/rooms/{room_id}/chat-setting": lambda w, a: {"slow_s": 1},
    "POST /whip/{room_id}": lambda w, a: SDP.encode(),
    "POST /whep/{room_id}": lambda w, a: SDP.encode(),
    "PATCH /whip/{room_id}/{resource_id}": lambda w, a: b"a=end",
    "PATCH /whep/{room_id}/{resource_id}": lambda w, a: b"a=end",
}
"""Where the schema alone makes no sensible body."""

TYPES = {
    "POST /whip/{room_id}": "application/sdp",
    "POST /whep/{room_id}": "application/sdp",
    "PATCH /whip/{room_id}/{resource_id}": "application/trickle-ice-sdpfrag",
    "PATCH /whep/{room_id}/{resource_id}": "application/trickle-ice-sdpfrag",
}


class Unknown(Exception):
    """The document asks for an id that no thing of `World` has."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def type(self) -> str:
        return self.headers.get("content-type", "")


@dataclass
class Operation:
    """`name` is as the table has it: "GET /api/rooms/{room_id}"."""

    method: str
    path: str
    told: dict[str, Any] = field(repr=False)
    schemas: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def names_a_thing(self) -> bool:
        return "{" in self.path and not self.path.startswith("/api/payments/webhooks/")

    def is_closed(self, may: set[str] | None) -> bool:
        """To everybody of another brand, where those of this one `may`."""
        return self.names_a_thing and may is not None and not {"nobody", "elsewhere"} & may

    def parameters(self, place: str) -> list[dict[str, Any]]:
        return [one for one in self.told.get("parameters", ()) if one["in"] == place]

    def address(self, world: World, *, naming: bool) -> str:
        things = world.things | {name: world.things[of] for name, of in THINGS.get(self.name, {}).items()}
        path = self.path
        for one in self.parameters("path"):
            found = things.get(one["name"]) or VALUES.get(one["name"])
            if found is None:
                raise Unknown(f"{self.name}: no {one['name']} in World.things")
            path = path.replace("{" + one["name"] + "}", quote(found))
        asked = [
            one
            for one in self.parameters("query")
            if one.get("required") or (naming and _is_id(one["schema"]))
        ]
        query = {one["name"]: things.get(one["name"]) or VALUES.get(one["name"], "x") for one in asked}
        return f"{path}?{urlencode(query)}"

    @property
    def may_name_more(self) -> bool:
        """Whether it takes ids that it doesn't need."""
        return bool(self._may_name) or any(
            _is_id(one["schema"]) and not one.get("required") for one in self.parameters("query")
        )

    @property
    def _may_name(self) -> list[str]:
        """Fields of the body."""
        schema = self._resolved(self._schema or {})
        needed = schema.get("required", ())
        return [
            name for name, of in schema.get("properties", {}).items() if _is_id(of) and name not in needed
        ]

    @property
    def _schema(self) -> dict[str, Any] | None:
        content = self.told.get("requestBody", {}).get("content", {})
        return next((one["schema"] for one in content.values()), None)

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        return self.schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema

    def body(self, world: World, actor: Actor, *, naming: bool = False) -> tuple[bytes, str]:
        """(bytes, content type)"""
        if (make := BODIES.get(self.name)) is not None:
            made = make(world, actor)
        elif self._schema is not None:
            made = self._example(self._schema, "", world)
        else:
            return b"", ""
        if isinstance(made, bytes):
            return made, TYPES.get(self.name, "application/octet-stream")
        if naming and isinstance(made, dict):
            made = {name: world.things[name] for name in self._may_name if name in world.things} | made
        return json.dumps(made).encode(), "application/json"

    def _example(self, schema: dict[str, Any], name: str, world: World) -> Any:
        schema = self._resolved(schema)
        for choice in ("oneOf", "anyOf", "allOf"):
            if choice in schema:
                return self._example(
                    next(one for one in schema[choice] if one.get("type") != "null"), name, world
                )
        if name in VALUES:
            return VALUES[name]
        if "const" in schema or "enum" in schema:
            return schema.get("const", (schema.get("enum") or [None])[0])
        match schema.get("type"):
            case "object":
                needed, properties = schema.get("required", ()), schema.get("properties", {})
                return {field: self._example(properties[field], field, world) for field in needed}
            case "array":
                return [self._example(schema["items"], name, world)] if schema.get("minItems") else []
            case "integer" | "number":
                return max(int(schema.get("minimum", 1)), 1)
            case "boolean":
                return False
            case "null":
                return None
        if schema.get("format") == "uuid":
            if name not in world.things:
                raise Unknown(f"{self.name}: no {name} in World.things")
            return world.things[name]
        return "x" * max(schema.get("minLength", 4), 4)


def _is_id(schema: dict[str, Any]) -> bool:
    return any(
        one.get("format") == "uuid" for one in [schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())]
    )


def operations(app: Litestar) -> list[Operation]:
    document = app.openapi_schema.to_schema()
    schemas = document["components"]["schemas"]
    return [
        Operation(method.upper(), path, told, schemas)
        for path, of_path in document["paths"].items()
        for method, told in of_path.items()
        if method in METHODS
    ]


@dataclass
class Door:
    app: Any
    world: World
    asked: int = field(default=0)

    async def ask(self, operation: Operation, actor: Actor, *, naming: bool = False) -> Answer:
        body, type_ = operation.body(self.world, actor, naming=naming)
        headers = {"host": "test", "idempotency-key": uuid7().hex}
        headers |= {"authorization": f"Bearer {actor.token}"} if actor.token else {}
        headers |= {"content-type": type_, "content-length": str(len(body))} if type_ else {}
        self.asked += 1
        address = operation.address(self.world, naming=naming)
        try:
            return await self._send(operation.method, address, headers, body)
        except TimeoutError:
            raise AssertionError(f"no answer: {operation.name} by {actor.name}") from None

    async def _send(self, method: str, address: str, headers: dict[str, str], body: bytes) -> Answer:
        path, _, query = address.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": (
                f"10.0.{self.asked // 250}.{self.asked % 250}",
                40_000,
            ),  # an own one, for the limits' sake
            "server": ("test", 80),
        }
        status, told, out = 0, dict[str, str](), io.BytesIO()
        left = asyncio.Event()
        begin = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            if (first := next(begin, None)) is not None:
                return first
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told.update({name.decode().lower(): value.decode() for name, value in message["headers"]})
                if told.get("content-type", "").startswith("text/event-stream"):
                    left.set()
            elif message["type"] == "http.response.body":
                out.write(message.get("body", b""))
                if not message.get("more_body"):
                    left.set()

        async with asyncio.timeout(30):
            await self.app(scope, receive, send)
        return Answer(status, told, out.getvalue())
