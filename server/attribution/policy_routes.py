"""The brand's policy, bindings by hand, why a credit is whose, and appeals, over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.params import Parameter, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import bindings, detail, disputes, policies
from server.attribution.bindings import BindByHand, Bindings
from server.attribution.detail import CreditDetail
from server.attribution.disputes import Appeal, Decide, Disputes, DisputeView
from server.attribution.policies import NewPolicy, PolicyView
from server.kit.clock import Clock
from server.kit.principal import Principal

Cursor = Annotated[str | None, Parameter(max_length=64)]


class Policies(msgspec.Struct):
    items: list[PolicyView]


@get("/api/attribution/policy", tags=["attribution"])
async def show_policy(staff: Principal, session: AsyncSession) -> PolicyView:
    """The policy in force. For headquarters."""
    return await policies.current(session, staff)


@get("/api/attribution/policies", tags=["attribution"])
async def earlier_policies(staff: Principal, session: AsyncSession) -> Policies:
    """Every version, newest first. For headquarters."""
    return Policies(await policies.versions(session, staff))


@put("/api/attribution/policy", tags=["attribution"])
async def change_policy(data: NewPolicy, staff: Principal, session: AsyncSession, clock: Clock) -> PolicyView:
    """Write the next version; it holds for what is touched and ordered from now on. For the owner. 422
    `too-many-levels` (more than two levels of members), `rates-above-whole`; 409 `policy-changed`."""
    return await policies.change(session, staff, data, clock())


@get("/api/members/{member_id:uuid}/binding", tags=["attribution"])
async def member_binding(member_id: UUID, staff: Principal, session: AsyncSession, clock: Clock) -> Bindings:
    """Whose customer a member is and was. For headquarters."""
    return await bindings.of_member(session, staff, member_id, clock())


@post("/api/members/{member_id:uuid}/binding", status_code=HTTP_201_CREATED, tags=["attribution"])
async def bind_by_hand(
    member_id: UUID, data: BindByHand, staff: Principal, session: AsyncSession, clock: Clock
) -> Bindings:
    """Bind a member to a guide, or release one, with the reason kept. For owner and operator. 409 `not-bound`."""
    await bindings.by_hand(session, staff, member_id, data, clock())
    return await bindings.of_member(session, staff, member_id, clock())


@get("/api/credits/{credit_id:uuid}", tags=["credits"])
async def why_this_credit(credit_id: UUID, staff: Principal, session: AsyncSession) -> CreditDetail:
    """Touches, binding, inviters, rule, shares, reversals and appeals. For headquarters, the credited store's manager
    and the guide credited."""
    return await detail.show(session, staff, credit_id)


@post("/api/disputes", status_code=HTTP_201_CREATED, tags=["credits"])
async def appeal(data: Appeal, staff: Principal, session: AsyncSession, clock: Clock) -> DisputeView:
    """A guide or manager appeals about a paid order's credit. 409 `dispute-open`, `too-many-disputes`."""
    return await disputes.appeal(session, staff, data, clock())


@get("/api/disputes", tags=["credits"])
async def list_disputes(
    staff: Principal,
    session: AsyncSession,
    which: Annotated[Literal["open", "all"], QueryParameter(name="state")] = "open",
    cursor: Cursor = None,
) -> Disputes:
    """Headquarters see all, a manager those of the store, a guide the own ones."""
    return await disputes.listing(session, staff, which == "open", cursor)


@post("/api/disputes/{dispute_id:uuid}/decision", status_code=HTTP_200_OK, tags=["credits"])
async def decide(
    dispute_id: UUID, data: Decide, staff: Principal, session: AsyncSession, clock: Clock
) -> DisputeView:
    """Refuse with a reason, or grant: the credit is taken back and booked anew to another. For owner and operator. 409
    `dispute-decided`, `same-carrier`."""
    return await disputes.decide(session, staff, dispute_id, data, clock())


ROUTES = [
    show_policy,
    earlier_policies,
    change_policy,
    member_binding,
    bind_by_hand,
    why_this_credit,
    appeal,
    list_disputes,
    decide,
]
