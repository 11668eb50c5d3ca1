"""What a product, a variant and its price look like."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from server.brands.names import clean, clean_lines, name, optional, wrong
from server.kit.money import MAX_MINOR
from server.kit.principal import Role

KEEPS_CATALOG = frozenset({Role.OWNER, Role.OPERATOR})

LONGEST_TITLE = 80
LONGEST_VARIANT = 40
LONGEST_DESCRIPTION = 5_000
LONGEST_CODE = 64
MOST_SKUS = 100
MOST_STOCK = 1_000_000

_CURRENCY = re.compile(r"^(?:CNY|RMB|¥)\s*|\s*(?:CNY|RMB|元)$", re.IGNORECASE)
_THOUSANDS = re.compile(r"^\d{1,3}(?:,\d{3})+(?:\.\d+)?$")


def title(text: str) -> str:
    return name(text, "title", LONGEST_TITLE)


def variant(text: str) -> str:
    """What tells a product's SKUs apart; empty where there is only one."""
    return optional(text, "variant", LONGEST_VARIANT)


def description(text: str) -> str:
    kept = clean_lines(text)
    if len(kept) > LONGEST_DESCRIPTION:
        raise wrong("description", f"at most {LONGEST_DESCRIPTION} characters")
    return kept


def code(text: str) -> str:
    """The merchant's own number of a SKU; empty lets the shop make one."""
    kept = clean(text)
    if len(kept) > LONGEST_CODE:
        raise wrong("code", f"at most {LONGEST_CODE} characters")
    return kept


def price_minor(text: str) -> int:
    """`29.90`, `¥1,299`, `２９元` in minor units, at least one: nothing can be paid for what is free. Raises `Invalid`
    (422)."""
    plain = _CURRENCY.sub("", unicodedata.normalize("NFKC", text).replace("￥", "¥").strip())
    if _THOUSANDS.match(plain):
        plain = plain.replace(",", "")
    if not re.fullmatch(r"\d{1,12}(?:\.\d{1,2}0*)?", plain, re.ASCII):
        raise wrong("price", "an amount such as 29.90")
    minor = int(Decimal(plain) * 100)
    if not minor:
        raise wrong("price", "more than 0")
    if minor > MAX_MINOR:
        raise wrong("price", f"at most {MAX_MINOR // 100}")
    return minor


def stock(text: str) -> int:
    """Units; an empty cell is none. Raises `Invalid` (422)."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if _THOUSANDS.match(plain) and "." not in plain:
        plain = plain.replace(",", "")
    if not plain:
        return 0
    if (
        not re.fullmatch(r"\d{1,9}(?:\.0+)?", plain, re.ASCII)
        or (units := int(plain.split(".")[0])) > MOST_STOCK
    ):
        raise wrong("stock", f"a whole number from 0 to {MOST_STOCK}")
    return units
