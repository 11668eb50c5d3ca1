"""Who is calling: a member of a brand or one of its staff; and the guards that say who may.

`request.user` is a `Principal` or `None`. Handlers take `staff: Principal` or `member: Principal` (dependencies).
Another brand's things are never forbidden but not there (404): an id must not tell that it exists.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from server.kit.problems import Forbidden, NotFound, NotSignedIn


class Role(StrEnum):
    OWNER = "owner"
    OPERATOR = "operator"
    HOST = "host"
    MODERATOR = "moderator"
    MANAGER = "manager"
    GUIDE = "guide"
    FINANCE = "finance"
    READ_ONLY = "read_only"
    DISTRIBUTOR = "distributor"
    GROUP_OWNER = "group_owner"
    MEMBER = "member"


HEADQUARTERS = frozenset({Role.OWNER, Role.OPERATOR, Role.FINANCE, Role.READ_ONLY})
"""See every store of their brand."""
RUNS_ROOMS = frozenset({Role.OWNER, Role.OPERATOR, Role.HOST})
MODERATES = RUNS_ROOMS | {Role.MODERATOR}
STORE_STAFF = frozenset({Role.MANAGER, Role.GUIDE})
"""Have a store."""
OUTSIDE_GUIDES = frozenset({Role.DISTRIBUTOR, Role.GROUP_OWNER})
"""Bring customers of their own without a store: they see those and what they earn, and no store's."""
INVITES = STORE_STAFF | OUTSIDE_GUIDES
"""Have links of their own into rooms, and a page of what came by them."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["staff", "member"]
    id: UUID
    brand_id: UUID
    role: Role
    name: str
    store_id: UUID | None = None

    @property
    def is_headquarters(self) -> bool:
        return self.role in HEADQUARTERS

    def may_see_store(self, brand_id: UUID, store_id: UUID | None) -> bool:
        """Headquarters see all stores of their brand, a manager the own one."""
        if self.kind != "staff" or self.brand_id != brand_id:
            return False
        return self.is_headquarters or (self.role is Role.MANAGER and self.store_id == store_id)

    def may_run_room(self, brand_id: UUID, store_id: UUID | None) -> bool:
        """Owner, operator and host run their brand's rooms (a host none of a store's own), a manager and a guide their
        own store's. `store_id` is the room's."""
        if self.kind != "staff" or self.brand_id != brand_id:
            return False
        if self.role in RUNS_ROOMS:
            return store_id is None or self.role is not Role.HOST
        return self.role in STORE_STAFF and store_id is not None and self.store_id == store_id

    def must_see_store(self, brand_id: UUID, store_id: UUID | None) -> None:
        """Raises `NotFound` (404) where `may_see_store` says no."""
        if not self.may_see_store(brand_id, store_id):
            raise NotFound


AnyConnection = ASGIConnection[Any, Any, Any, Any]


def staff_of(connection: AnyConnection) -> Principal:
    user: Principal | None = connection.scope.get("user")
    if user is None:
        raise NotSignedIn
    if user.kind != "staff":
        raise Forbidden
    return user


def member_of(connection: AnyConnection) -> Principal:
    user: Principal | None = connection.scope.get("user")
    if user is None:
        raise NotSignedIn("Ask POST /api/guests for a token first")
    if user.kind != "member":
        raise Forbidden("Only a viewer can do this")
    return user


async def provide_staff(request: Request[Any, Any, Any]) -> Principal:
    return staff_of(request)


async def provide_member(request: Request[Any, Any, Any]) -> Principal:
    return member_of(request)


async def provide_principal(request: Request[Any, Any, Any]) -> Principal:
    user: Principal | None = request.scope.get("user")
    if user is None:
        raise NotSignedIn
    return user


def allow(*roles: Role) -> Callable[[AnyConnection, BaseRouteHandler], None]:
    """A guard: only staff with one of these roles."""

    def guard(connection: AnyConnection, _: BaseRouteHandler) -> None:
        if staff_of(connection).role not in roles:
            raise Forbidden

    return guard
