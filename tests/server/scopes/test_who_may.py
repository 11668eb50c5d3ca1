"""Every operation of the OpenAPI document, asked by everybody here and by another brand; `who_may.txt` is the table."""

from __future__ import annotations

import pytest

from server.kit.principal import Role
from tests.server.scopes.survey import EVERYBODY, REFUSED, STAFF, TABLE, Seen, Survey, declared
from tests.server.scopes.world import PRIVATE

pytestmark = pytest.mark.timeout(300)

OPEN_DOORS = {
    "POST /api/guests": "whoever opens a room becomes a guest of its brand",
    "POST /api/phone-codes": "and asks for the code of a number",
    "POST /api/session": "with the account's password",
    "POST /api/wallet/top-ups": "an own payment, which remembers the room to come back to",
    "POST /sandbox/payments/{payment_id}/approve": "the test cashier's key is the payment's id",
    "POST /sandbox/payments/{payment_id}/decline": "the same",
}
"""Where somebody who is not of the brand changes something that names it, and why."""

KEYS = {
    "POST /api/session",
    "GET /api/sandbox/payments/{payment_id}",
    "POST /sandbox/payments/{payment_id}/approve",
    "POST /sandbox/payments/{payment_id}/decline",
}
"""Where what the request brings along (a password, a payment's id at the test cashier) opens what is private."""

IN_THE_ROOM = {
    "GET /api/screen",
    "GET /api/rooms/{room_id}/feed/export",
    "GET /api/rooms/{room_id}/board",
    "GET /api/rooms/{room_id}/board/export",
    "POST /api/orders/{order_id}/extensions",
}
"""Where the host sees what is bought in the room."""

OUT_OF_REACH = {
    "POST /api/payments/webhooks/{provider}": "only the provider can sign",
    "POST /api/payments/wechat/visits": "no official account here",
    **dict.fromkeys(
        (
            f"{verb} /{scope}/{{room_id}}/{{resource_id}}"
            for verb in ("PATCH", "DELETE")
            for scope in ("whip", "whep")
        ),
        "a media node's session",
    ),
}
"""What nobody may here, and why."""

OWN_SESSION = frozenset(
    {
        *(
            "PUT /api/session/password",
            "PUT /api/session/login",
            "DELETE /api/session",
            "PUT /api/session/face",
            "POST /api/session",
        ),
        "POST /api/staff/phone-codes",
    }
)
"""What also who may only read may change: their own."""


def listed(seen: list[Seen]) -> str:
    return "\n".join(map(str, seen))


def test_every_operation_is_about_something_that_brand_a_has(found: Survey) -> None:
    assert not found.unasked, "Make one in `World` and give its id in `things`:\n" + "\n".join(found.unasked)


def test_every_operation_stands_in_the_table(found: Survey) -> None:
    table, there = declared(), {operation.name: operation for operation in found.operations}
    missing = [found.line(there[name]) for name in sorted(there.keys() - table.keys())]
    assert not missing, (
        f"Say in {TABLE.name} who may do this, as below if that is right; and look at each role:\n"
        + "\n".join(missing)
    )
    assert not table.keys() - there.keys(), f"gone from the document, so take it out of {TABLE.name}"


def test_everybody_may_do_what_the_table_says_and_nothing_else(found: Survey) -> None:
    table, wrong = declared(), list[str]()
    for operation in found.operations:
        may = table.get(operation.name, set()) - {"elsewhere"}
        wrong += [
            f"{'may, though the table says no' if one.yes else 'may not, though the table says yes'}: {one}"
            for one in found.of(operation, elsewhere=False)
            if one.yes is not (one.actor in may)
        ]
    assert not wrong, "\n".join(wrong)


def test_each_operation_was_asked_in_a_way_that_somebody_may(found: Survey) -> None:
    """Else nothing is known of those who were refused: mend `asking.BODIES` or `World`."""
    allowed = {one.operation.name for one in found.seen if one.yes} | OUT_OF_REACH.keys()
    asked = [one for one in found.seen if one.actor in {"owner", "buyer"}]
    never = [one for one in asked if one.operation.name not in allowed]
    assert not never, listed(never)


def test_nothing_breaks(found: Survey) -> None:
    broken = [one for one in found.seen if one.status >= 500 and one.status != 503]
    assert not broken, listed(broken)


def test_who_is_refused_is_told_so_and_no_more(found: Survey) -> None:
    refused = [one for one in found.seen if not one.yes]
    wrong = [one for one in refused if not (one.problem and one.status in REFUSED | {400, 422})]
    assert not wrong, listed(wrong)


def test_to_another_brand_things_are_not_there(found: Survey) -> None:
    table = declared()
    wrong = [
        one
        for one in found.seen
        if one.elsewhere
        and one.operation.is_closed(table.get(one.operation.name))
        and one.status not in REFUSED
    ]
    assert not wrong, listed(wrong)


def test_another_brand_is_told_nothing(found: Survey) -> None:
    """Of what is private not by anything, of what a public room shows only by what is open to all."""
    table = declared()
    wrong = [
        f"{one}\n  told {sorted(one.told)}, showed {sorted(one.showed)}"
        for one in found.seen
        if one.elsewhere
        and one.operation.name not in KEYS
        and (one.told or (one.showed and not {"nobody", "elsewhere"} & table.get(one.operation.name, set())))
    ]
    assert not wrong, "\n".join(wrong)


def test_nobody_is_told_what_is_private(found: Survey) -> None:
    heard = [one for one in found.seen if one.actor == "nobody" and one.operation.name not in KEYS]
    wrong = [f"{one}\n  told {sorted(one.told)}" for one in heard if one.told]
    assert not wrong, "\n".join(wrong)


def test_another_brand_changes_nothing_here(found: Survey) -> None:
    wrong = [
        f"{one}\n  changed {sorted(one.changed)}"
        for one in found.seen
        if one.changed and (one.elsewhere or one.actor == "nobody") and one.operation.name not in OPEN_DOORS
    ]
    assert not wrong, "\n".join(wrong)


def test_what_is_refused_changes_nothing(found: Survey) -> None:
    assert not found.left_changed


def test_who_only_reads_changes_nothing(found: Survey) -> None:
    wrong = [
        f"{one}\n  changed {sorted(one.wrote)}"
        for one in found.seen
        if one.actor == "read_only"
        and one.wrote
        and one.operation.name not in OPEN_DOORS.keys() | OWN_SESSION
    ]
    assert not wrong, "\n".join(wrong)


def test_another_store_and_another_viewer_are_told_nothing_of_orders(found: Survey) -> None:
    strangers = {"viewer", "host", "moderator", "other_manager", "other_guide", "distributor", "group_owner"}
    heard = [one for one in found.seen if one.actor in strangers and not one.elsewhere and one.of_orders]
    wrong = [
        f"{one}\n  told {sorted(one.of_orders)}"
        for one in heard
        if one.operation.name not in KEYS | IN_THE_ROOM
    ]
    assert not wrong, "\n".join(wrong)


def test_a_guide_is_told_of_a_colleague_s_orders_only_to_hand_them_over(found: Survey) -> None:
    told = {one.operation.name for one in found.seen if one.actor == "colleague" and one.of_orders} - KEYS
    hands_over = {"POST /api/packing-lists", "POST /api/stores/{store_id}/pick-ups"}
    assert told == hands_over | {"GET /api/disputes"}  # the own appeal names the order


def test_a_buyer_s_whole_phone_number_is_for_owners_operators_and_who_sends_the_parcel(found: Survey) -> None:
    here = [one for one in found.seen if not one.elsewhere]
    told = {one.actor for one in here if any("phone" in mark for mark in one.told)}
    assert told == {"buyer", "owner", "operator", "manager", "guide", "colleague"}


def test_the_marks_are_there_to_be_seen(found: Survey) -> None:
    """Else the tests above would see nothing whatever was told."""
    told = {mark for one in found.seen if one.actor == "owner" and not one.elsewhere for mark in one.told}
    assert {f"{what}: {word}" for what, word in PRIVATE.items()} <= told
    assert "orders" in {table for one in found.seen if one.actor == "owner" for table in one.changed}


def test_every_role_is_asked_for() -> None:
    """Else add it to `survey.STAFF`, and to the lines of the table where it may."""
    assert {role.value for role in Role} - {"member"} <= set(STAFF)


def test_the_table_names_only_those_who_are_there() -> None:
    words = {name for names in declared().values() for name in names}
    assert words <= {*EVERYBODY, "elsewhere"}
    assert set(STAFF) <= words
