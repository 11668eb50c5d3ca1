"""Whether a line asks something, and about what: a file of rules and no model, so that an operator can read why."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files

import msgspec

OTHER = "other"


class _Patterns(msgspec.Struct, forbid_unknown_fields=True):
    patterns: list[str]


class _Kind(_Patterns):
    about: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    kind: list[_Kind]
    question: _Patterns
    not_: _Patterns = msgspec.field(name="not")


class _Rules(msgspec.Struct, frozen=True):
    asks: re.Pattern[str]
    never: re.Pattern[str]
    kinds: list[tuple[str, re.Pattern[str]]]


@cache
def _rules() -> _Rules:
    source = (files("server.chat") / "questions.toml").read_text()
    file = msgspec.convert(tomllib.loads(source), _File)
    return _Rules(
        _any_of(file.question.patterns),
        _any_of(file.not_.patterns),
        [(kind.about, _any_of(kind.patterns)) for kind in file.kind],
    )


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


def about(line: str) -> str | None:
    """What the line asks about (a kind of `questions.toml`, or "other"); None for a line that asks nothing."""
    rules, plain = _rules(), unicodedata.normalize("NFKC", line).casefold().strip()
    if not rules.asks.search(plain) or rules.never.search(plain):
        return None
    return next((kind for kind, pattern in rules.kinds if pattern.search(plain)), OTHER)
