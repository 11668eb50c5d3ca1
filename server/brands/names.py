"""Names that people give to themselves and to things."""

from __future__ import annotations

import unicodedata

from server.kit.problems import Invalid

LONGEST = 24
"""Characters of a person's, store's or brand's name."""

_JOINERS = "\u200c\u200d"  # Persian words and family emoji need them
_BLANKS = "\u115f\u1160\u2800\u3164\uffa0"  # letters by category, empty to the eye


def wrong(field: str, message: str) -> Invalid:
    return Invalid(errors=[{"field": field, "message": message}])


def clean(text: str) -> str:
    """NFC on one line, trimmed; no control, direction or invisible characters."""
    lines = unicodedata.normalize("NFC", text)
    shown = "".join(" " if c in "\t\n\r" else c for c in lines if c in "\t\n\r" or _is_text(c))
    words = " ".join(shown.split())
    return words if words.strip(_JOINERS + " ") else ""


def clean_lines(text: str) -> str:
    """The same for a text of several lines."""
    lines = [clean(line) for line in text.replace("\r\n", "\n").split("\n")]
    return "\n".join(lines).strip("\n")


def length(text: str) -> int:
    """Characters as a reader counts them, nearly: marks, joined emoji and skin tones count with what they stand on."""
    count, joined = 0, False
    for c in text:
        extends = (
            unicodedata.category(c) in {"Mn", "Me"} or c in _JOINERS or "\U0001f3fb" <= c <= "\U0001f3ff"
        )
        count += not (extends or joined)
        joined = c == "\u200d"
    return count


def name(text: str, field: str = "name", longest: int = LONGEST) -> str:
    """The clean name. Raises `Invalid` (422) when nothing is left or it is too long."""
    kept = clean(text)
    # Code points are bounded too: one letter can carry marks without end.
    if not kept or length(kept) > longest or len(kept) > 4 * longest:
        raise wrong(field, f"1 to {longest} characters")
    return kept


def optional(text: str, field: str, longest: int) -> str:
    """Like `name`, but may be empty."""
    return name(text, field, longest) if clean(text) else ""


def _is_text(c: str) -> bool:
    if c in _JOINERS:
        return True
    return unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co"} and c not in _BLANKS
