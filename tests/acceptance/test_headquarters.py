"""What headquarters does before a show: products, their stock, gifts to tip with."""

from __future__ import annotations

from tests.acceptance.demo import Demo, Person, eventually, is_problem


def test_units_come_in_once_for_each_key(demo: Demo) -> None:
    owner = demo.staff("owner")
    product = {"title": "Test tin", "skus": [{"title": "", "price_minor": 1000, "stock": 7}]}
    made = owner.post("/api/products", product)
    assert made.status_code == 201, made.text
    sku = made.json()["skus"][0]
    assert sku["free"] == 7
    path = f"/api/skus/{sku['sku_id']}/stock"
    assert owner.post(path, {"add": 5}, key="delivery 1").json()["free"] == 12
    assert owner.post(path, {"add": 5}, key="delivery 1").json()["free"] == 12
    assert owner.post(path, {"add": -2}).json()["free"] == 10
    assert is_problem(owner.post(path, {"add": -11}), 409, "out-of-stock")["left"] == 10
    listed = owner.get("/api/products", params={"q": "Test tin"}).json()["items"]
    assert listed[0]["skus"][0]["free"] == 10
    is_problem(demo.staff("manager").post(path, {"add": 1}), 403)
    is_problem(demo.staff("other_brand_owner").post(path, {"add": 1}), 404)


def test_a_list_of_products_is_a_job_that_lands_once(demo: Demo) -> None:
    owner = demo.staff("other_brand_owner")
    rows = "标题,规格,价格,库存,编码\n批量茶,50克,29.00,30,BULK-50\n批量茶,250克,99.00,12,BULK-250\n坏行,,不要钱,1,\n"
    list_of = {"content": rows.encode("gb18030"), "headers": {"Idempotency-Key": "spring"}}
    sent = [
        owner.http.post("/api/products/imports", params={"name": "spring.csv"}, **list_of) for _ in range(2)
    ]
    assert [one.status_code for one in sent] == [202, 202]
    job = sent[0].headers["location"]
    assert sent[1].headers["location"] == job
    eventually("the list has landed", lambda: owner.get(job).json()["state"] == "done")
    ended = owner.get(job).json()
    assert (ended["name"], ended["done"], ended["total"]) == ("spring.csv", 3, 3)
    assert ended["counts"] == {"created": 2, "updated": 0, "unchanged": 0, "refused": 1}
    assert [(one["row"], one["column"]) for one in ended["refusals"]] == [(4, "price")]
    assert owner.get(f"{job}/refusals").json()["items"] == ended["refusals"]
    assert owner.get(f"{job}/refusals.csv").text.splitlines()[1:] == ["4,price,an amount such as 29.90"]
    listed = owner.get("/api/products", params={"q": "BULK"}).json()["items"]
    assert [sku["free"] for sku in listed[0]["skus"]] == [30, 12]
    is_problem(demo.staff("owner").get(job), 404)
    is_problem(demo.staff("host").http.post("/api/products/imports", **list_of), 403)


def test_a_list_goes_onto_a_rooms_shelf_in_its_order_and_stands_there_once(demo: Demo) -> None:
    owner = demo.staff("owner")
    room = f"/api/rooms/{owner.post('/api/rooms', {'title': 'Before the show'}).json()['id']}"
    rows = "标题,规格,价格,库存\n试茶,50克,29.00,30\n试杯,,39.90,8\n试茶,250克,99.00,12\n坏行,,不要钱,1\n"
    for created, unchanged in ((3, 0), (0, 3)):
        done = owner.http.post(f"{room}/shelf/import", content=rows.encode("gb18030"))
        assert done.status_code == 201, done.text
        report = done.json()
        assert (report["rows"], report["created"], report["unchanged"]) == (4, created, unchanged)
        assert [(problem["row"], problem["column"]) for problem in report["problems"]] == [(5, "price")]
        shelf = owner.get(room).json()["shelf"]
        assert [(card["title"], len(card["skus"])) for card in shelf] == [("试茶", 2), ("试杯", 1)]
    wrong = demo.staff("other_brand_owner").http.post(f"{room}/shelf/import", content=rows.encode())
    is_problem(wrong, 404)


def test_a_new_brand_has_gifts_from_the_start(demo: Demo) -> None:
    gifts = demo.staff("other_brand_owner").get("/api/gifts").json()["items"]
    assert len(gifts) >= 3
    assert all(gift["price_minor"] > 0 for gift in gifts)


def test_a_list_of_people_is_joined_by_phone_and_invites_without_a_store(demo: Demo) -> None:
    owner = demo.staff("owner")
    rows = "姓名,手机号,角色,门店编码\n老周茶行,13800138111,经销商,\n坏店,13800138112,导购,NOWHERE\n"
    sent = owner.http.post("/api/accounts/imports", content=rows.encode("gb18030"))
    job = sent.headers["location"]
    eventually("the list has landed", lambda: owner.get(job).json()["state"] == "done")
    assert owner.get(job).json()["counts"] == {"created": 1, "updated": 0, "unchanged": 0, "refused": 1}
    code = demo.nobody.post("/api/staff/phone-codes", {"phone": "13800138111"}).json()["demo_code"]
    proof = {"phone": "13800138111", "code": code}
    is_problem(
        demo.nobody.post("/api/staff/phone-sessions", {**proof, "store_code": "HZ99"}), 403, "not-on-list"
    )
    entered = demo.nobody.post("/api/staff/phone-sessions", proof)
    assert entered.status_code == 200, entered.text
    outside = Person(demo.base_url, entered.json()["token"])
    made = outside.post("/api/invitations", {"room_id": demo.room})
    assert made.status_code == 201, made.text
    guest = demo.guest("Neighbour")
    assert guest.post(f"/api/invitations/{made.json()['code']}/touches").json()["store"] is None
    page = outside.get("/api/guide").json()
    assert (page["store"], page["totals"]["visits"]) == (None, 1)
    for path in (
        f"/api/stores/{demo.keys['store_id']}/board",
        "/api/orders",
        "/api/members",
        "/api/accounts",
    ):
        assert outside.get(path).status_code in {403, 404}, path
    assert outside.get("/api/stores").json()["items"] == []
