"""Phone numbers and the codes that prove them."""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from datetime import timedelta

from server.brands.names import wrong
from server.kit.tokens import derive, sign

CODE_DIGITS = 6
CODE_TTL = timedelta(minutes=5)
CODE_TRIES = 5
RESEND_AFTER = timedelta(seconds=60)

_CHINESE_MOBILE = re.compile(r"(?:\+86|0086|86)?(1[3-9]\d{9})", re.ASCII)
_INTERNATIONAL = re.compile(r"(?:\+|00)([1-9]\d{6,14})", re.ASCII)


def phone(text: str) -> str:
    """E.164. A number without a country is a Chinese mobile. Raises `Invalid` (422)."""
    plain = re.sub(r"[\s().-]", "", unicodedata.normalize("NFKC", text))
    if chinese := _CHINESE_MOBILE.fullmatch(plain):
        return f"+86{chinese[1]}"
    if (abroad := _INTERNATIONAL.fullmatch(plain)) and not abroad[1].startswith("86"):
        return f"+{abroad[1]}"
    raise wrong("phone", "a mobile number, abroad with + and the country")


def masked(number: str | None) -> str | None:
    """The country and three digits, and the last four: enough to recognize a caller by."""
    if number is None:
        return None
    shown = 6 if number.startswith("+86") else 4
    return f"{number[:shown]}****{number[-4:]}"


def name_of_phone(number: str) -> str:
    """What a member is called who came without a name."""
    return f"用户{number[-4:]}"


def fresh_code() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def code_hash(secret: str, number: str, code: str) -> bytes:
    """Keyed: a million codes are tried in a second by whoever has the table alone."""
    return sign(derive(secret, "phone-code"), f"{number} {code}".encode())


def is_code(expected: bytes, secret: str, number: str, code: str) -> bool:
    plain = unicodedata.normalize("NFKC", code).strip()
    return hmac.compare_digest(expected, code_hash(secret, number, plain))
