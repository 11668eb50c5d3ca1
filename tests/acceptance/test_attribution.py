"""Written rules: shares by the policy, why a credit is whose, and an appeal that moves it."""

from __future__ import annotations

import json
import uuid

from tests.acceptance.demo import Demo, is_problem, run_cli

POLICY = "/api/attribution/policy"


def written(demo: Demo, **settings: object) -> dict:
    owner = demo.staff("owner")
    held = owner.get(POLICY).json()
    answer = owner.put(POLICY, {"follows": held["version"], "policy": held["policy"] | settings})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_order_is_shared_by_the_written_policy_and_a_credit_says_why(demo: Demo) -> None:
    version = written(demo, guide_bp=500, store_bp=250)["version"]
    order = demo.bought(demo.touched_guest("Shared"))
    (credit,) = demo.staff("owner").get(f"/api/orders/{order['order_id']}/credits").json()["items"]
    for role in ("guide", "manager", "owner"):
        why = demo.staff(role).get(f"/api/credits/{credit['credit_id']}").json()
        assert [(one["kind"], one["amount_minor"]) for one in why["shares"]] == [
            ("guide", 149),
            ("store", 74),
        ]
        assert (why["credit"]["policy_version"], why["credit"]["rule"]) == (version, "last-touch")
        assert [touch["outcome"] for touch in why["credit"]["why"]["touches"]] == ["counted"]
    for role in ("other_guide", "other_manager", "other_brand_owner"):
        is_problem(demo.staff(role).get(f"/api/credits/{credit['credit_id']}"), 404)
    is_problem(
        demo.staff("owner").put(POLICY, {"follows": version, "policy": {"sharing_bp": [1, 1, 1]}}),
        422,
        "too-many-levels",
    )


def test_a_granted_appeal_moves_the_credit_and_later_refunds_follow_it(demo: Demo) -> None:
    order = demo.bought(demo.touched_guest("Contested"))
    guide, owner = demo.staff("other_guide"), demo.staff("owner")
    body = {"order_number": order["number"], "words": "She came to our store"}
    dispute = guide.post("/api/disputes", body).json()
    is_problem(guide.post("/api/disputes", body), 409, "dispute-open")
    waiting = owner.get("/api/disputes").json()
    assert dispute["dispute_id"] in [one["dispute_id"] for one in waiting["items"]]
    assert waiting["open"] >= 1
    path = f"/api/disputes/{dispute['dispute_id']}/decision"
    is_problem(guide.post(path, {"granted": True, "reason": "Mine"}), 403)
    assert owner.post(path, {"granted": True, "reason": "The till agrees"}).status_code == 200
    is_problem(owner.post(path, {"granted": False, "reason": "No"}), 409, "dispute-decided")
    refund = owner.post(
        f"/api/orders/{order['order_id']}/refunds", {"amount_minor": 990}, key=uuid.uuid4().hex
    )
    assert refund.status_code == 201, refund.text
    (credit,) = owner.get(f"/api/orders/{order['order_id']}/credits").json()["items"]
    assert (credit["rule"], credit["net_minor"]) == ("decision", 2000)
    assert credit["store"]["store_id"] == demo.keys["other_store_id"]
    verified = run_cli(demo.data, "verify", "--json")
    assert json.loads(verified.stdout)["ok"], verified.stdout
