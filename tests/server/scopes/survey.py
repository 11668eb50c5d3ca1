"""Everybody asks everything, once; what each was answered, what it told, and what it changed."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from server.app import create_app
from server.kit.database import Database
from server.kit.settings import Settings
from tests.server.scopes.asking import Answer, Door, Operation, Unknown, operations
from tests.server.scopes.books import UUIDS, Books, Rows
from tests.server.scopes.world import PRIVATE, PUBLIC, Actor, World

REFUSED = frozenset({401, 403, 404})
TABLE = Path(__file__).with_name("who_may.txt")

OF_ORDERS = ("order", "line_id", "case_id", "payment_id", "refund_id", "number", "address", "phone")
"""Parts of the names of such things and words."""

STAFF = (
    *("owner", "operator", "finance", "read_only", "host", "moderator"),
    *("manager", "guide", "colleague", "other_manager", "other_guide"),
    *("distributor", "group_owner"),
)
EVERYBODY = ("nobody", "viewer", "buyer", *STAFF)
GROUPS: dict[str, Sequence[str]] = {
    "anybody": EVERYBODY,
    "signed-in": EVERYBODY[1:],
    "viewers": ("viewer", "buyer"),
    "staff": STAFF,
    "headquarters": ("owner", "operator", "finance", "read_only"),
    "stores": ("manager", "guide", "colleague", "other_manager", "other_guide"),
    "own-store": ("manager", "guide", "colleague"),
    "outside": ("distributor", "group_owner"),
    "runs": ("owner", "operator", "host"),
}


@dataclass(frozen=True)
class Seen:
    """One answer. `told` and `showed` are what of brand A's it held that is private, and what a public room shows;
    `changed` are the tables of A's rows that it changed, `wrote` all tables."""

    operation: Operation
    actor: str
    elsewhere: bool
    naming: bool
    status: int
    problem: bool
    told: frozenset[str] = frozenset()
    showed: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    wrote: frozenset[str] = frozenset()
    body: str = ""

    @property
    def yes(self) -> bool:
        """It was let in, whether or not the state of things allowed it then (409, 410, 503)."""
        return self.status < 400 or self.status in {409, 410, 503}

    @property
    def of_orders(self) -> set[str]:
        """What of it is about what somebody bought, or where they live."""
        return {mark for mark in self.told if any(part in mark for part in OF_ORDERS)}

    def __str__(self) -> str:
        who = f"{self.actor} of another brand" if self.elsewhere else self.actor
        return f"{self.operation.name}{' naming ids' if self.naming else ''} by {who}: {self.status} {self.body!r}"


@dataclass(repr=False)
class Survey:
    operations: list[Operation]
    seen: list[Seen] = field(default_factory=list)
    left_changed: dict[str, frozenset[str]] = field(default_factory=dict)
    """Tables that an operation changed with answers that say it did nothing."""
    unasked: list[str] = field(default_factory=list)
    """Operations about things that the world hasn't, and which."""

    def of(self, operation: Operation, *, elsewhere: bool) -> list[Seen]:
        asked = [one for one in self.seen if one.operation is operation and not one.naming]
        return [one for one in asked if one.elsewhere is elsewhere]

    def line(self, operation: Operation) -> str:
        """As the table has it, by what was seen."""
        may = {one.actor for one in self.of(operation, elsewhere=False) if one.yes}
        words: list[str] = []
        for group, names in GROUPS.items():
            if may.issuperset(names):
                words.append(group)
                may -= set(names)
        words += [name for name in EVERYBODY if name in may]
        if operation.names_a_thing and any(one.yes for one in self.of(operation, elsewhere=True)):
            words += ["elsewhere"] if "anybody" not in words else []
        return f"{operation.name:<76} {' '.join(words)}".rstrip()


def declared() -> dict[str, set[str]]:
    """Who may do what: operation → names of actors."""
    table: dict[str, set[str]] = {}
    for line in TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            method, path, *words = line.split()
            table[f"{method} {path}"] = {name for word in words for name in GROUPS.get(word, (word,))}
    return table


async def survey(settings: Settings) -> Survey:
    """On an empty database of its own."""
    app, database = create_app(settings), Database(settings.database_url)
    world = await World.made(database, settings)
    await database.close()
    found, table = Survey(operations(app)), declared()
    async with Books.open(settings.database_url) as books, app.lifespan():
        world.ids = books.of_brand(world.things["brand_id"])
        world.open_ids = _open(world, books)
        door = Door(app, world)
        for operation in found.operations:
            try:
                await _ask_all(found, door, books, operation, table.get(operation.name))
            except Unknown as unknown:
                found.unasked.append(str(unknown))
    return found


def _open(world: World, books: Books) -> set[str]:
    """What anybody may know who sees a public room or holds an invitation."""
    things = (
        "brand_id",
        "room_id",
        "store_id",
        "product_id",
        "sku_id",
        "gift_id",
        "sale_id",
        "dropping_sale_id",
    )
    known = {world.things[name] for name in (*things, "another_product_id")}
    known.add(str(world.principal("guide").id))
    for table in ("sku", "flash_sale_line"):
        for row in books.kept[table]:
            known |= set(UUIDS.findall(row)) & world.ids
    return known


async def _ask_all(
    found: Survey, door: Door, books: Books, operation: Operation, may: set[str] | None
) -> None:
    """`may`: who of brand A is said to."""
    world = door.world
    asking = [(False, actor, False) for actor in _people(world, may)]
    for actor in _strangers(world, may):
        asking += [(True, actor, naming) for naming in {False, operation.may_name_more}]

    async def ask(elsewhere: bool, actor: Actor, naming: bool) -> None:
        answer = await door.ask(operation, actor, naming=naming)
        changed = await books.changed() if operation.method != "GET" and answer.status < 400 else {}
        found.seen.append(_seen(world, operation, actor, elsewhere, naming, answer, changed))
        if changed:
            await books.put_back(changed)

    known = EVERYBODY if may is None or "nobody" in may else may
    let_in = [one for one in asking if one[1].name in known and not (one[0] and operation.is_closed(may))]
    if operation.method == "GET":
        let_in = []  # changes nothing that the next would find
    await asyncio.gather(*(ask(*one) for one in asking if one not in let_in))
    for one in let_in:
        await ask(*one)
    if left := await books.changed():
        found.left_changed[operation.name] = frozenset(left)
        await books.put_back(left)


def _people(world: World, may: set[str] | None) -> list[Actor]:
    """Of brand A everybody; a few where it is open to all."""
    few = {"nobody", "viewer", "buyer", "owner", "read_only", "guide"}
    everybody = may is None or "nobody" not in may
    return [actor for name, actor in world.here.items() if everybody or name in few]


def _strangers(world: World, may: set[str] | None) -> list[Actor]:
    """Of another brand those whose role may here; the others fail at the same guard. A few where it is open to all."""
    if may is None:
        return list(world.elsewhere.values())
    asked = {"owner", "viewer"} | (set() if "nobody" in may else may)
    return [actor for name, actor in world.elsewhere.items() if name in asked]


def _seen(
    world: World,
    operation: Operation,
    actor: Actor,
    elsewhere: bool,
    naming: bool,
    answer: Answer,
    changed: Rows,
) -> Seen:
    text = _text(answer)
    sent = set(UUIDS.findall(operation.address(world, naming=naming)))
    sent |= set(UUIDS.findall(operation.body(world, actor, naming=naming)[0].decode("latin-1")))
    ids = (set(UUIDS.findall(text)) & world.ids) - sent
    if actor.principal is not None:
        ids -= {str(actor.principal.id)}
    return Seen(
        operation,
        actor.name,
        elsewhere,
        naming,
        answer.status,
        answer.type.startswith("application/problem+json"),
        frozenset([f"{what}: {word}" for what, word in PRIVATE.items() if word in text])
        | {_what(world, books_id) for books_id in ids - world.open_ids},
        frozenset([f"{what}: {word}" for what, word in PUBLIC.items() if word in text])
        | {_what(world, books_id) for books_id in ids & world.open_ids},
        frozenset(
            table
            for table, rows in changed.items()
            if any(world.ids & set(UUIDS.findall(row)) for row in rows)
        ),
        frozenset(changed),
        _shown(answer, text),
    )


def _shown(answer: Answer, text: str) -> str:
    """As a failure tells of it."""
    readable = "json" in answer.type or answer.type.startswith("text/")
    return text[:200] if readable else answer.type


def _what(world: World, id_: str) -> str:
    return next((name for name, thing in world.things.items() if thing == id_), f"an id: {id_}")


def _text(answer: Answer) -> str:
    if answer.body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(answer.body)) as book:
            return "\n".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())
    return answer.body.decode("utf-8", "replace")
