"""A text as words are looked for in it: letters alone, whatever their case, width or script, and how they sound.

Two readings of one text: `Written` has its letters without what stands between them, `Sounded` has the Chinese ones in
pinyin. Both keep where each letter stands. Look-alikes are those of Unicode's confusables (confusable-homoglyphs),
sounds are pypinyin's. Of both packages the data files are read and kept in short (15 ms and 2 MB, 250 ms and 20 MB, at
their first use): pypinyin itself would hold 100 MB in every process.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from string import ascii_letters

import msgspec

MOST_REMEMBERED = 50_000
"""Characters whose folded form is kept; a stranger's lines can't fill the memory with them."""

_ALPHABETS = frozenset(
    {"ARMENIAN", "CANADIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "DESERET", "GREEK", "LATIN", "LISU"}
)
"""Scripts whose look-alikes are taken for Latin: never Chinese, nor letters that only resemble by being a stroke."""
_LATIN = re.compile(r"LATIN (?:CAPITAL LETTER|SMALL LETTER|LETTER SMALL CAPITAL) ([A-Z])(?: WITH .+)?$")
_EMBLEMS = "™℠ℹ㊗㊙"  # drawn as emoji, though letters by their decomposition
_BLANK = frozenset("\u034f\u0640\u115f\u1160\u17b4\u17b5\u3164\uffa0")  # letters and marks only by category


class _Folded(dict[str, str]):
    """Character -> the letters that it is matched as: none for what stands between letters, several for ligatures."""

    def __missing__(self, char: str) -> str:
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        letters = self[char] = _fold(char)
        return letters


class _Sounds(dict[str, str]):
    """Folded letter -> its commonest toneless syllable (ü is v), or itself where there is none."""

    def __missing__(self, letter: str) -> str:
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        sound = self[letter] = letter if letter.isascii() else _reading(letter)
        return sound


def _fold(char: str) -> str:
    category = unicodedata.category(char)
    if char in _EMBLEMS:
        return ""
    if category[0] in "LS" and (found := _LATIN.search(unicodedata.name(char, ""))):  # the S are such as 🅰
        return found[1].lower()
    plain = unicodedata.normalize("NFKC", char)
    letters = "".join(_letter(part) for part in plain if _is_letter(part))
    return "" if category == "So" and len(letters) != 1 else letters  # ㊓ is a letter, ㏂ and № are not


def _is_letter(char: str) -> bool:
    """Letters and digits of all scripts, and the marks that are spelling (vowels of Hindi or Thai), not ornament."""
    category = unicodedata.category(char)
    if category[0] == "M":
        place = unicodedata.combining(char)
        is_ornament = category == "Me" or place == 1 or place >= 200  # around, across, above and below
        return not (is_ornament or char in _BLANK or "VARIATION SELECTOR" in unicodedata.name(char, ""))
    return category[0] in "LN" and char not in _BLANK and not "\u02b9" <= char <= "\u02ff"  # ʼ and its like


def _letter(char: str) -> str:
    if char.isascii():
        return char.lower()
    if (digit := unicodedata.decimal(char, None)) is not None:
        return str(digit)
    base = unicodedata.normalize("NFD", char)[0]
    if base.isascii():
        return base.lower()
    for case in (base, base.swapcase()):  # н looks like nothing, but Н like H: both are h
        if latin := _look_alikes().get(case):
            return latin
    return char.casefold()


@cache
def _look_alikes() -> dict[str, str]:
    raw = _data("confusable_homoglyphs", "confusables.json")
    confusables = msgspec.json.decode(raw, type=dict[str, list[dict[str, str]]])
    table = {}
    for letter in ascii_letters:
        for char in (homoglyph["c"] for homoglyph in confusables.get(letter, ())):
            if len(char) == 1 and unicodedata.name(char, "").partition(" ")[0] in _ALPHABETS:
                # An I looks like an l, so that the table has no I of other alphabets.
                table[char] = "i" if letter == "l" and char.isupper() else letter.lower()
    return table


@cache
def _readings() -> dict[str, str]:
    """Chinese character -> the commonest of its toneless syllables."""
    readings = msgspec.json.decode(_data("pypinyin", "pinyin_dict.json"), type=dict[int, str])
    return {chr(code): _toneless(reading.partition(",")[0]) for code, reading in readings.items()}


@cache
def _phrases() -> dict[str, list[str]]:
    """Those whose characters sound otherwise than alone -> their syllables."""
    phrases = msgspec.json.decode(_data("pypinyin", "phrases_dict.json"), type=dict[str, list[list[str]]])
    alone = _readings()
    found = []
    for phrase, readings in phrases.items():
        syllables = [_toneless(reading[0]) for reading in readings]
        if syllables != [alone.get(char, char) for char in phrase]:
            found.append(" ".join([phrase, *syllables]))
    del phrases  # before anything small is made that would hold its memory
    return {phrase: syllables for phrase, *syllables in map(str.split, "\n".join(found).split("\n"))}


LONGEST_PHRASE = 10


@cache
def _toneless(reading: str) -> str:
    plain = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    return plain.encode("ascii", "ignore").decode()


def _data(package: str, name: str) -> bytes:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0], name).read_bytes()


def _reading(letter: str) -> str:
    syllable = _readings().get(letter, "")
    return syllable if _is_syllable(syllable) else letter


def _is_syllable(syllable: str) -> bool:
    """Not the hm and ng of interjections, which would make pinyin of any text."""
    return syllable.isascii() and syllable.isalpha() and any(vowel in syllable for vowel in "aeiouv")


@cache
def _syllables() -> frozenset[str]:
    common = (_reading(char) for char in _readings() if "\u4e00" <= char <= "\u9fff")
    return frozenset(syllable for syllable in common if syllable.isascii())


LONGEST_SYLLABLE = 6

_folded = _Folded()
_sounds = _Sounds()


def load(*, sounds: bool) -> None:
    """What the first line would have to wait for."""
    _look_alikes()
    if sounds:
        _syllables()


def is_letter(char: str) -> bool:
    """Whether it is matched, and not passed over as something that stands between letters."""
    return bool(_folded[char])


def sound(letter: str) -> str:
    """Of a folded letter alone."""
    return _sounds[letter]


def is_chinese(letter: str) -> bool:
    """Whether a folded letter sounds otherwise than it is written."""
    return _sounds[letter] != letter


def spoken(letters: str) -> list[str]:
    """The sound of each folded letter, with regard to the phrases among them: 行 in 银行 is hang."""
    sounds = [_sounds[letter] for letter in letters]
    at = 0
    while at < len(letters) - 1:
        ends = range(min(len(letters), at + LONGEST_PHRASE), at + 1, -1)
        end = next((end for end in ends if letters[at:end] in _phrases()), at + 1)
        if end > at + 1:
            sounds[at:end] = _phrases()[letters[at:end]]
        at = end
    return sounds


def searchable(letters: str) -> str:
    """The same in an alphabet of 256: the automaton looks through the branches of a node one by one, and a root that
    branches into thousands of Chinese characters makes it ten times slower."""
    return letters if letters.isascii() else letters.encode().decode("latin-1")


def alphabet(letter: str) -> str:
    """What a folded letter makes words with: letters of alphabets, or digits. Empty for scripts without spaces."""
    if letter < "\u0590" or "\u1e00" <= letter < "\u2000":
        return "digit" if letter.isdigit() else "letter"
    return ""


class Written:
    """`letters` of a text; places are indexes into it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts = list(map(_folded.__getitem__, text))
        self.letters = "".join(self._parts)

    @cached_property
    def searched(self) -> str:
        return searchable(self.letters)

    def place(self, start: int) -> int:
        """The letter that is searched from this index on."""
        return start if self.letters.isascii() else len(self.searched[:start].encode("latin-1").decode())

    @cached_property
    def _origin(self) -> list[int]:
        return [at for at, part in enumerate(self._parts) for _ in part]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """In code points of the text."""
        return self._origin[start], self._origin[end - 1] + 1

    def is_parted(self, at: int) -> bool:
        """Whether something to be seen, if only a space, stands between this letter and the one before."""
        between = self.text[self._origin[at - 1] + 1 : self._origin[at]]
        return any(char not in _BLANK and unicodedata.category(char) not in _UNSEEN for char in between)

    def continues(self, at: int) -> bool:
        """Whether the letter here belongs to the same word or number as the one before it."""
        if not 0 < at < len(self.letters):
            return False
        kind = alphabet(self.letters[at])
        return kind != "" and kind == alphabet(self.letters[at - 1]) and not self.is_parted(at)


_UNSEEN = frozenset({"Cf", "Mn", "Me"})


class Sounded:
    """The `sounds` of a text's letters. Places are those of the `written` text."""

    def __init__(self, written: Written) -> None:
        self.written = written
        self.sounds = list(map(_sounds.__getitem__, written.letters))
        self.searched = searchable("".join(self.sounds))

    def place(self, start: int) -> int | None:
        """The letter that begins to sound at this index, if one does."""
        return self._places.get(start)

    @cached_property
    def _places(self) -> dict[int, int]:
        lengths = map(len, map(searchable, self.sounds))
        return dict(zip(accumulate(lengths, initial=0), range(len(self.sounds)), strict=False))

    def is_chinese(self, at: int) -> bool:
        return self.sounds[at] != self.written.letters[at]

    def opens(self, at: int) -> bool:
        """Whether the word that goes on here has been whole syllables so far, in Latin letters."""
        start = at
        while self.written.continues(start):
            start -= 1
        return _is_pinyin(self.written.letters[start:at])

    def closes(self, at: int) -> bool:
        """Whether the rest of the word that goes on here is whole syllables."""
        end = at
        while self.written.continues(end):
            end += 1
        return _is_pinyin(self.written.letters[at:end])


def _is_pinyin(letters: str) -> bool:
    """Whether it splits into syllables."""
    ends = [0]
    for at in range(1, len(letters) + 1):
        ends = [end for end in ends if at - end <= LONGEST_SYLLABLE]
        if not ends:
            return False
        if any(letters[end:at] in _syllables() for end in ends):
            ends.append(at)
    return len(letters) in ends
