"""A host's evening with the crowd, over HTTP and the socket alone."""

from __future__ import annotations

import time

from tests.acceptance.demo import Demo, eventually
from tests.acceptance.seat import Seat, sit


def desk_of(demo: Demo) -> Seat:
    return Seat(demo.keys["ws_url"], demo.staff("host").token, query="&view=control")


def say(seat: Seat, text: str) -> dict:
    ref = f"r{time.monotonic_ns()}"
    seat.send({"type": "say", "ref": ref, "text": text})
    return seat.until(lambda frame: frame.get("ref") == ref)


def test_a_word_is_refused_in_every_costume_until_it_is_taken_off_the_list(demo: Demo) -> None:
    owner, seat = demo.staff("owner"), sit(demo, demo.guest("Dealer"))
    word = owner.post("/api/words", {"pattern": "加群领券", "effect": "refuse", "by_sound": True})
    assert word.status_code == 201, word.text
    try:
        for costume in ("快来加群领券", "加 群-领.券", "加裙领券"):
            assert say(seat, costume)["problem"]["slug"] == "word-refused", costume
    finally:
        removed = owner.delete(f"/api/words/{word.json()['id']}")
    assert removed.status_code == 200
    assert say(seat, "快来加群领券")["type"] == "ack"


def test_a_held_line_is_let_go_and_what_was_done_is_undone(demo: Demo) -> None:
    owner, host, seat, desk = (
        demo.staff("owner"),
        demo.staff("host"),
        sit(demo, demo.guest("Shy")),
        desk_of(demo),
    )
    room = f"/api/rooms/{demo.room}"
    word = owner.post(
        "/api/words", {"pattern": "代购", "effect": "review", "by_sound": False, "room_id": demo.room}
    ).json()
    try:
        ack = say(seat, "有代购价吗")
        assert "line" not in ack
        held = desk.until_fact("chat.held")["data"]
        assert (held["message"]["id"], held["pattern"]) == (ack["id"], "代购")
        waiting = host.get(f"{room}/messages", params={"state": "waiting"}).json()["items"]
        (line,) = [line for line in waiting if line["id"] == ack["id"]]
        assert (line["why"], line["pattern"]) == (held["why"], held["pattern"])
        assert host.post(f"{room}/messages/{ack['id']}/review", {"shown": True}).json()["state"] == "shown"
        assert seat.until_fact("chat.shown")["data"]["message"]["text"] == "有代购价吗"
        act = host.get(f"{room}/moderation").json()["items"][0]
        assert (act["act"], act["undone"], act["note"]) == ("approve", False, "有代购价吗")
        assert host.post(f"{room}/moderation/{act['act_id']}/undo").json()["undone"] is True
        assert seat.until_fact("chat.deleted")["data"]["message_id"] == ack["id"]
    finally:
        owner.delete(f"/api/words/{word['id']}")


def test_a_question_waits_for_its_answer_and_the_answer_finds_who_asked(demo: Demo) -> None:
    host, seat = demo.staff("host"), sit(demo, demo.guest("Curious"))
    room = f"/api/rooms/{demo.room}"
    asked = say(seat, "这款茶叶保质期多久？")["id"]
    eventually(
        "the question is in the queue",
        lambda: asked in {q["message"]["id"] for q in host.get(f"{room}/questions").json()["items"]},
    )
    answer = host.post(f"{room}/questions/{asked}/answers", {"text": "18 个月"})
    assert answer.status_code == 201, answer.text
    mention = seat.until_fact("chat.mentioned")["data"]["message"]
    assert (mention["id"], mention["reply_to"]["id"]) == (answer.json()["id"], asked)
    assert seat.until_fact("question.answered")["data"]["message_id"] == asked


def test_what_many_ask_is_one_question_that_can_be_put_aside_and_taken_back(demo: Demo) -> None:
    host, seats = demo.staff("host"), [sit(demo, demo.guest(name)) for name in ("One", "Two")]
    room = f"/api/rooms/{demo.room}"
    first, second = (
        say(seat, text)["id"] for seat, text in zip(seats, ("能刻字吗", "能 刻字吗？"), strict=True)
    )

    def waiting() -> dict[str, int]:
        return {one["group"]: one["count"] for one in host.get(f"{room}/questions").json()["items"]}

    assert waiting()[first] == 2
    act_id = host.post(f"{room}/questions/{second}/put-aside").json()["act_id"]
    assert first not in waiting()
    assert host.post(f"{room}/moderation/{act_id}/undo").status_code == 200
    assert waiting()[first] == 2
    answer = host.post(f"{room}/questions/{second}/answers", {"text": "可以"})
    assert answer.status_code == 201, answer.text
    answered = seats[0].until_fact("question.answered")["data"]
    assert (answered["message_ids"], answered["answer"]["text"]) == ([first, second], "可以")


def test_a_banned_viewer_is_out_of_the_room_and_nobody_else(demo: Demo) -> None:
    host, rude = demo.staff("host"), demo.guest("Spammer")
    seat, other = sit(demo, rude), sit(demo, demo.guest("Bystander"))
    ban = host.post(f"/api/rooms/{demo.room}/bans", {"member_id": rude.member_id, "reason": "spam"})
    assert ban.status_code == 201, ban.text
    eventually("the banned one is cut off", lambda: _closed(seat) == 4523)
    picture = rude.post(f"/whep/{demo.room}")
    assert (picture.status_code, picture.json()["slug"]) == (403, "banned")
    assert say(other, "still fine")["type"] == "ack"
    assert host.delete(f"/api/rooms/{demo.room}/bans/{rude.member_id}").status_code == 204
    assert sit(demo, rude).welcome["type"] == "welcome"


def _closed(seat: Seat) -> int | None:
    try:
        seat.socket.recv(timeout=0.1)
    except TimeoutError:
        return None
    except Exception:
        return seat.socket.close_code
    return None


def test_another_brand_and_the_stores_staff_find_no_tools_here(demo: Demo) -> None:
    room = f"/api/rooms/{demo.room}"
    for role, status in (("guide", 403), ("manager", 403), ("other_brand_owner", 404)):
        person = demo.staff(role)
        for path in ("moderation", "bans", "mutes", "moderators", "chat-setting"):
            assert person.get(f"{room}/{path}").status_code == status, (role, path)
    stranger = demo.staff("other_brand_owner")
    assert stranger.get("/api/words").json()["items"] == []
    assert demo.staff("guide").get("/api/words").status_code == 403
