"""Sensitive words in a line. Pure: no I/O but the loading of tables.

A word is found by Aho-Corasick over the line's folded letters, so that neither case, width, look-alikes, ornament nor
what is written between the letters hides it; by its sound also over the line in pinyin. What holds of a hit only where
it stands (word and syllable boundaries, gaps of wildcards) is checked afterwards.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, islice, product
from typing import Generic, Protocol, TypeVar

import msgspec
from ahocorasick import Automaton

from server.brands.names import clean, wrong
from server.chat import folding
from server.chat.folding import Sounded, Written

LONGEST_PATTERN = 64
"""Letters and wildcards."""
LONGEST_WRITTEN = 200
"""Characters of a pattern with what stands between its letters."""
REACH = 8
"""Characters that a `*` stands for at most."""
MOST_SPELLINGS = 8

_WILDCARDS = re.compile(r"([?*]+)")


class Effect(StrEnum):
    REFUSE = "refuse"
    REVIEW = "review"
    ALLOW = "allow"


class WordRule(msgspec.Struct, frozen=True):
    """`by_sound`: also other characters of the same toneless sound (薇信 for 微信), and pinyin. It is for words that
    people dodge: thousands of common ones sound like something in most lines (死人 like 私人)."""

    pattern: str
    effect: Effect
    by_sound: bool = True


class Found(msgspec.Struct, frozen=True):
    """`start` and `end` count code points of the text."""

    pattern: str
    effect: Effect
    start: int
    end: int


def pattern(text: str) -> str:
    """The pattern as it is kept: compatible forms and case made one, nothing at its ends that matches nothing.

    Refused (`Invalid`, 422): one without a letter or digit, for all else is passed over in lines and it would match
    everywhere or nowhere; one of more than 64 letters and wildcards, which no line of chat repeats.
    """
    kept = one_form(text)
    while kept and not _counts(kept[0]):
        kept = kept[1:]
    while kept and not _counts(kept[-1]):
        kept = kept[:-1]
    _Shape.of(kept)
    return kept


def one_form(text: str) -> str:
    """Width, case and compatible forms made one, as in kept patterns."""
    for _ in range(3):  # what one of these makes may be for another to change
        text = clean(unicodedata.normalize("NFKC", text).casefold())
    return text


def _counts(char: str) -> bool:
    return char in "?*" or folding.is_letter(char)


class _Gap(msgspec.Struct, frozen=True):
    """How many characters lie between two pieces, or beyond the outer ones."""

    least: int = 0
    open: bool = False

    @property
    def most(self) -> int:
        return self.least + REACH * self.open

    def __add__(self, other: _Gap) -> _Gap:
        return _Gap(self.least + other.least, self.open or other.open)


NO_GAP = _Gap()


class _Shape(msgspec.Struct, frozen=True):
    """A pattern as pieces with a gap before, between and after them."""

    pieces: list[Written]
    gaps: tuple[_Gap, ...]

    @classmethod
    def of(cls, pattern: str) -> _Shape:
        pieces: list[Written] = []
        gaps = [NO_GAP]
        pattern = pattern.replace("？", "?").replace("＊", "*")
        for part in _WILDCARDS.split(pattern):
            if part[:1] in ("?", "*"):
                gaps[-1] += _Gap(part.count("?"), "*" in part)
            elif (written := Written(part)).letters:
                pieces.append(written)
                gaps.append(NO_GAP)
        letters = sum(len(piece.letters) for piece in pieces)
        if not letters:
            raise wrong("pattern", "at least one letter or digit; signs and emoji are passed over in lines")
        if (
            letters + pattern.count("?") + pattern.count("*") > LONGEST_PATTERN
            or len(pattern) > LONGEST_WRITTEN
        ):
            raise wrong("pattern", f"at most {LONGEST_PATTERN} letters and wildcards")
        return cls(pieces, tuple(gaps))


Line = TypeVar("Line", Written, Sounded)
Contra = TypeVar("Contra", bound=Written | Sounded, contravariant=True)


class _Piece(Protocol[Contra]):
    @property
    def key(self) -> str:
        """To be found in what is searched of a line."""

    def place(self, line: Contra, start: int) -> tuple[int, int] | None:
        """(first, after the last) of the line's letters that it is, if its key that begins there is no accident."""


class _Spelled(msgspec.Struct, frozen=True):
    """A piece to be found as written. `parted`: where something must stand between its letters."""

    key: str
    letters: str
    parted: tuple[int, ...]

    def place(self, line: Written, start: int) -> tuple[int, int] | None:
        first = line.place(start)
        if any(not line.is_parted(first + at) for at in self.parted):
            return None
        return first, first + len(self.letters)


class _Spoken(msgspec.Struct, frozen=True):
    """A piece to be found by sound. Each character's sound is its own, or what it sounds like alone (`alone`)."""

    key: str
    chars: str
    sounds: tuple[str, ...]
    alone: tuple[bool, ...]

    def place(self, line: Sounded, start: int) -> tuple[int, int] | None:
        """Each character is one that sounds alike, or whole syllables in Latin letters."""
        first = line.place(start)
        if first is None:
            return None
        at = first
        is_spelled_apart = False
        for char, sound, alone in zip(self.chars, self.sounds, self.alone, strict=True):
            if line.is_chinese(at):
                if sound == char or line.sounds[at] != sound or (alone and line.written.letters[at] != char):
                    return None
                at += 1
                continue
            end = at + len(sound)
            if alone or any(map(line.is_chinese, range(at, end))):
                return None
            is_spelled_apart = is_spelled_apart or any(map(line.written.is_parted, range(at + 1, end)))
            at = end
        return (first, at) if self._is_whole(line, first, at, is_spelled_apart) else None

    def _is_whole(self, line: Sounded, start: int, end: int, is_spelled_apart: bool) -> bool:
        """Neither end cuts a syllable of a word in pinyin. Where spaces stand within syllables, nothing tells."""
        for at, edge, is_cut_well in ((start, 0, line.opens), (end, -1, line.closes)):
            is_latin = self.sounds[edge] == self.chars[edge]
            if is_latin or not line.written.continues(at):
                continue
            if is_spelled_apart or not is_cut_well(at):
                return False
        return True


class _Pattern(msgspec.Struct, Generic[Line], frozen=True):
    """`word`: of an alphabet's letters or digits alone, so that it is no part of a longer word."""

    rule: WordRule
    pieces: Sequence[_Piece[Line]]
    gaps: tuple[_Gap, ...]
    word: bool

    def spans(self, line: Written, places: Sequence[dict[int, int]]) -> Iterator[tuple[int, int]]:
        """(start, end), the shortest to each end. `places` are those of each piece, start -> end."""
        spans = {
            end: edge
            for start, end in places[0].items()
            if (edge := self._edge(line, start, -1, self.gaps[0])) is not None
        }
        for gap, later in zip(self.gaps[1:], places[1:], strict=False):
            spans = {
                later[at]: start
                for end, start in spans.items()
                for at in range(end + gap.least, end + gap.most + 1)
                if at in later
            }
        for end, start in spans.items():
            if (edge := self._edge(line, end, 1, self.gaps[-1])) is not None:
                yield start, edge

    def _edge(self, line: Written, at: int, step: int, gap: _Gap) -> int | None:
        """The nearest end of the match beyond an outer piece."""
        for beyond in range(gap.least, gap.most + 1):
            edge = at + step * beyond
            if 0 <= edge <= len(line.letters) and not (self.word and line.continues(edge)):
                return edge
        return None


def _written(rule: WordRule, shape: _Shape) -> _Pattern[Written]:
    """An allowed "pen is" allows no "penis"; anything else is found however it is parted."""
    parting = rule.effect is Effect.ALLOW
    pieces = [
        _Spelled(
            piece.searched,
            piece.letters,
            tuple(at for at in range(1, len(piece.letters)) if parting and piece.is_parted(at)),
        )
        for piece in shape.pieces
    ]
    word = all(folding.alphabet(letter) for piece in pieces for letter in piece.letters)
    return _Pattern(rule, pieces, shape.gaps, word)


def _sounded(rule: WordRule, shape: _Shape) -> list[_Pattern[Sounded]]:
    """Its spellings in pinyin: of a character that sounds differently alone there are two."""
    letters = [piece.letters for piece in shape.pieces]
    if min(map(len, letters)) < 2 or not any(folding.is_chinese(char) for char in "".join(letters)):
        return []
    spellings = product(*map(_spellings, letters))
    return [_Pattern(rule, pieces, shape.gaps, word=False) for pieces in islice(spellings, MOST_SPELLINGS)]


def _spellings(chars: str) -> list[_Spoken]:
    alone = [folding.sound(char) for char in chars]
    phrase = folding.spoken(chars)
    ways = product(*((False, True) if a != b else (False,) for a, b in zip(alone, phrase, strict=True)))
    spellings = []
    for way in islice(ways, MOST_SPELLINGS):
        sounds = tuple(a if apart else b for apart, a, b in zip(way, alone, phrase, strict=True))
        spellings.append(_Spoken(folding.searchable("".join(sounds)), chars, sounds, way))
    return spellings


class _Key(Generic[Line]):
    """What the automaton finds, and the patterns to look at then: those of which it is the longest piece."""

    __slots__ = ("patterns", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.patterns: list[_Pattern[Line]] = []


class _Index(Generic[Line]):
    def __init__(self, patterns: Iterable[_Pattern[Line]]) -> None:
        keys: dict[str, _Key[Line]] = {}
        for pattern in patterns:
            for piece in pattern.pieces:
                if piece.key not in keys:
                    keys[piece.key] = _Key(piece.key)
            longest = max((piece.key for piece in pattern.pieces), key=len)
            keys[longest].patterns.append(pattern)
        self._automaton = Automaton()
        for text, key in keys.items():
            self._automaton.add_word(text, key)
        self._automaton.make_automaton()

    def __bool__(self) -> bool:
        return len(self._automaton) > 0

    def hits(self, line: Line) -> dict[_Key[Line], list[int]]:
        """Where each key begins in what is searched of the line."""
        hits: dict[_Key[Line], list[int]] = {}
        for end, key in self._automaton.iter(line.searched) if self else ():
            hits.setdefault(key, []).append(end + 1 - len(key.text))
        return hits


def _matches(
    effect: Effect, line: Line, written: Written, hits: dict[_Key[Line], list[int]]
) -> Iterator[tuple[WordRule, int, int]]:
    """(rule, start, end) by code points of the text."""
    starts = {key.text: found for key, found in hits.items()}
    patterns = (pattern for key in hits for pattern in key.patterns if pattern.rule.effect is effect)
    for pattern in patterns:
        if all(piece.key in starts for piece in pattern.pieces):
            places = [_places(piece, line, starts[piece.key]) for piece in pattern.pieces]
            for start, end in pattern.spans(written, places):
                first, last = written.span(start, end)
                yield pattern.rule, first, last


def _places(piece: _Piece[Line], line: Line, starts: Sequence[int]) -> dict[int, int]:
    return dict(place for start in starts if (place := piece.place(line, start)))


class Words:
    """The words of a room, compiled. Compile in a thread; any number of threads may judge.

    20,000 words of 3 to 6 characters take 1.0 s of a core by sound and 0.5 s as written, and 50 MB; of that the
    automaton holds up other threads for twice 60 ms. A line of 300 characters is judged in 20 to 70 µs when nothing
    is found, and up to 0.3 ms when much nearly is. A character of a line is read by its commonest sound.
    """

    def __init__(self, rules: Sequence[WordRule]) -> None:
        """Raises `Invalid` (422) for a pattern that `pattern` would refuse."""
        shaped = [(rule, _Shape.of(rule.pattern)) for rule in rules]
        against = [(rule, shape) for rule, shape in shaped if rule.effect is not Effect.ALLOW]
        self._written = _Index(_written(rule, shape) for rule, shape in against)
        self._sounded = _Index(
            pattern for rule, shape in against if rule.by_sound for pattern in _sounded(rule, shape)
        )
        self._allowed = _Index(_written(rule, shape) for rule, shape in shaped if rule.effect is Effect.ALLOW)
        if rules:
            folding.load(sounds=bool(self._sounded))

    def judge(self, text: str) -> Found | None:
        """The worst that is found in it: a word to refuse before one to review. None when the line may pass.

        What lies wholly within an allowed word doesn't count. Allowed words are taken as they are written, never by
        their sound: to allow 威信 doesn't let 微信 pass.
        """
        if not self._written:
            return None
        line = Written(text)
        sounds = Sounded(line) if self._sounded else None
        written = self._written.hits(line)
        sounded = self._sounded.hits(sounds) if sounds else {}
        if not written and not sounded:
            return None
        allowed = list(_matches(Effect.ALLOW, line, line, self._allowed.hits(line)))
        for effect in (Effect.REFUSE, Effect.REVIEW):
            found = chain(
                _matches(effect, line, line, written),
                _matches(effect, sounds, line, sounded) if sounds else (),
            )
            for rule, start, end in found:
                if not any(first <= start and end <= last for _, first, last in allowed):
                    return Found(rule.pattern, effect, start, end)
        return None
