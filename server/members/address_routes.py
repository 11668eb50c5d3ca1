"""A member's address book over HTTP."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

import msgspec
from litestar import delete, get, post, put
from litestar.status_codes import HTTP_201_CREATED, HTTP_204_NO_CONTENT
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import Clock
from server.kit.principal import Principal
from server.members import addresses
from server.members.models import MemberAddress

Text = Annotated[str, msgspec.Meta(max_length=400)]


class AddressBody(msgspec.Struct, forbid_unknown_fields=True):
    """A municipality is its own city: 上海市, 上海市, 徐汇区. `phone` is a mobile or a landline."""

    name: Text
    phone: Text
    province: Text
    city: Text
    detail: Text
    district: Text = ""
    is_default: bool = False

    def draft(self) -> addresses.Draft:
        return addresses.Draft(
            self.name, self.phone, self.province, self.city, self.district, self.detail, self.is_default
        )


class AddressView(msgspec.Struct):
    """`text` is all of it on one line, as an order keeps it."""

    address_id: UUID
    name: str
    phone: str
    province: str
    city: str
    district: str
    detail: str
    is_default: bool
    text: str

    @classmethod
    def of(cls, address: MemberAddress) -> Self:
        return cls(
            address.id,
            address.name,
            address.phone,
            address.province,
            address.city,
            address.district,
            address.detail,
            address.is_default,
            address.label()["address"],
        )


class AddressBook(msgspec.Struct):
    items: list[AddressView]


@get("/api/addresses", tags=["members"])
async def listing(member: Principal, session: AsyncSession) -> AddressBook:
    """The caller's own, last used first."""
    return AddressBook([AddressView.of(one) for one in await addresses.listing(session, member.id)])


@post("/api/addresses", status_code=HTTP_201_CREATED, tags=["members"])
async def add(data: AddressBody, member: Principal, session: AsyncSession, clock: Clock) -> AddressView:
    """At most 20; the first is the default. 409 `too-many-addresses`."""
    return AddressView.of(await addresses.add(session, member.id, data.draft(), clock()))


@put("/api/addresses/{address_id:uuid}", tags=["members"])
async def change(
    address_id: UUID, data: AddressBody, member: Principal, session: AsyncSession
) -> AddressView:
    """Orders that were sent to it keep what it was."""
    return AddressView.of(await addresses.change(session, member.id, address_id, data.draft()))


@delete("/api/addresses/{address_id:uuid}", status_code=HTTP_204_NO_CONTENT, tags=["members"])
async def remove(address_id: UUID, member: Principal, session: AsyncSession) -> None:
    await addresses.delete(session, member.id, address_id)


ROUTES = [listing, add, change, remove]
