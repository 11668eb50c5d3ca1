"""What headquarters does before a show: products, their stock, gifts to tip with."""

from __future__ import annotations

from tests.acceptance.demo import Demo, is_problem


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
