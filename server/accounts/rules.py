"""Who may manage whom, and what a login and a password look like."""

from __future__ import annotations

import unicodedata
from uuid import UUID

from server.brands.names import clean, wrong
from server.kit.principal import STORE_STAFF, Role

STAFF = frozenset(Role) - {Role.MEMBER}
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 200
LONGEST_LOGIN = 64


def may_manage(actor: Role, target: Role) -> bool:
    """Owners all staff, operators the stores' staff."""
    if actor is Role.OWNER:
        return target in STAFF
    return actor is Role.OPERATOR and target in STORE_STAFF


def normal_login(text: str) -> str:
    """Logins are told apart without case and width."""
    return unicodedata.normalize("NFKC", clean(text)).casefold()


def login(text: str) -> str:
    """A new login. Raises `Invalid` (422)."""
    kept = normal_login(text)
    if not 2 <= len(kept) <= LONGEST_LOGIN or " " in kept:
        raise wrong("login", f"2 to {LONGEST_LOGIN} characters without spaces")
    return kept


def typed(password: str) -> str:
    """In NFC: two keyboards write the same letter by different code points."""
    return unicodedata.normalize("NFC", password)


def password(text: str) -> str:
    """A new password. Raises `Invalid` (422)."""
    if not SHORTEST_PASSWORD <= len(text) <= LONGEST_PASSWORD:
        raise wrong("password", f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return typed(text)


def must_fit(role: Role, store_id: UUID | None) -> None:
    """Guides and managers have a store, others none. Raises `Invalid` (422)."""
    if role not in STAFF:
        raise wrong("role", "not a role of staff")
    if (role in STORE_STAFF) != (store_id is not None):
        raise wrong(
            "store_id",
            "guides and managers need a store" if store_id is None else "only for guides and managers",
        )
