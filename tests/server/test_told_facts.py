"""What docs/protocol.md says of each fact, held against the functions that tell of it."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

import server.reactions  # noqa: F401  every announcer
from live.events import EXPELLED, alias
from server.kit import facts
from server.kit.ids import uuid7

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
_BLOCK = re.compile(r"^```jsonl facts\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MADE_ELSEWHERE = {"sale.stock", "media.state", "media.health"}
"""Told by watchers, not by announcers of facts."""


def sample(type_: Any, pick: int) -> Any:
    """Some value of a type, in builtins: one element in each list, optional things there, and where there is a choice
    of values, the one of that number."""
    match type_:
        case inspect.StructType():
            value = {field.encode_name: sample(field.type, pick) for field in type_.fields}
            return {type_.tag_field: type_.tag, **value} if type_.tag_field else value
        case inspect.ListType():
            return [sample(type_.item_type, pick)]
        case inspect.TupleType():
            return [sample(item, pick) for item in type_.item_types]
        case inspect.DictType():
            return {}
        case inspect.UnionType():
            return sample(next(t for t in type_.types if not isinstance(t, inspect.NoneType)), pick)
        case inspect.LiteralType():
            return type_.values[pick % len(type_.values)]
        case inspect.EnumType():
            return next(iter(type_.cls)).value
        case inspect.UUIDType():
            return str(uuid7())
        case inspect.DateTimeType():
            return "2025-11-11T12:00:00Z"
        case inspect.DateType():
            return "2025-11-11"
        case inspect.BoolType():
            return bool(pick)
        case inspect.IntType():
            return 1
        case inspect.BytesType():
            return ""
        case _:
            return "text"


def written() -> dict[str, set[str]]:
    """Kind → the fields of its example, for each kind and topic: the same kind may differ between topics."""
    found: dict[str, set[str]] = {}
    for block in _BLOCK.findall(DOCUMENT):
        for line in block.splitlines():
            fact = msgspec.json.decode(line)
            found.setdefault(fact["kind"], set()).update(fact["data"])
    return found


def told() -> dict[str, dict[str, set[str]]]:
    """Kind → topic → the fields that are told."""
    found: dict[str, dict[str, set[str]]] = {}
    for kind, pick in product(facts.kinds().values(), (0, 1)):
        fact = msgspec.convert(sample(inspect.type_info(kind), pick), kind)
        for event in facts.announcements(fact):
            found.setdefault(event.kind, {})[alias(event.topic)] = set(event.data)
    return found


def test_every_fact_that_is_told_is_in_the_document_and_no_other() -> None:
    assert set(told()) == set(written()) - _MADE_ELSEWHERE
    assert EXPELLED in written()


@pytest.mark.parametrize("kind", sorted(set(written()) - _MADE_ELSEWHERE))
def test_a_fact_has_the_fields_that_the_document_shows(kind: str) -> None:
    fields = set().union(*told()[kind].values())
    assert fields == written()[kind]
