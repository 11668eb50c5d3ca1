"""Who may manage whom, and what a login and a password look like."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from uuid import UUID

from server.brands.names import clean, wrong
from server.kit.principal import INVITES, OUTSIDE_GUIDES, STORE_STAFF, Principal, Role

STAFF = frozenset(Role) - {Role.MEMBER}
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 200
LONGEST_LOGIN = 64
KEEP_OUT = timedelta(days=1)
"""How long somebody whose request to join was refused asks in vain."""


def may_manage(actor: Role, target: Role) -> bool:
    """Owners all staff, operators the stores' staff and the guides from outside."""
    if actor is Role.OWNER:
        return target in STAFF
    return actor is Role.OPERATOR and target in INVITES


def may_admit(staff: Principal, brand_id: UUID, store_id: UUID) -> bool:
    """Whoever decides on requests to join a store: its manager, and those who manage store staff."""
    return staff.may_see_store(brand_id, store_id) and staff.role in {Role.OWNER, Role.OPERATOR, Role.MANAGER}


def has_way_in(login: str | None, password: bool, phone: str | None) -> bool:
    """A login with its password, a phone, or both."""
    return (login is not None) == password and (password or phone is not None)


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


_ROLE_WORDS = {
    "": Role.GUIDE,
    "导购": Role.GUIDE,
    "店员": Role.GUIDE,
    "guide": Role.GUIDE,
    "shop guide": Role.GUIDE,
    "店长": Role.MANAGER,
    "manager": Role.MANAGER,
    "store manager": Role.MANAGER,
    "经销商": Role.DISTRIBUTOR,
    "distributor": Role.DISTRIBUTOR,
    "群主": Role.GROUP_OWNER,
    "group owner": Role.GROUP_OWNER,
    "group_owner": Role.GROUP_OWNER,
}


def listed_role(text: str) -> Role:
    """A role as a list of people may give it; a guide where it says none. Raises `Invalid` (422)."""
    role = _ROLE_WORDS.get(normal_login(text))
    if role is None:
        raise wrong("role", "a list makes guides, managers, distributors and group owners only")
    return role


def is_outside(role: Role) -> bool:
    return role in OUTSIDE_GUIDES
