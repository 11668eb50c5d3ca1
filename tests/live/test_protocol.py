from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from live.protocol import (
    BadFrame,
    CloseCode,
    Hello,
    InvalidFrame,
    Like,
    Malformed,
    Ping,
    Say,
    TooLarge,
    UnknownType,
    decode_client,
)


def test_frames_are_told_apart_by_their_type() -> None:
    assert decode_client('{"type":"hello","v":1,"positions":{"room":"7-3"},"invite":"ABC"}') == Hello(
        1, {"room": "7-3"}, "ABC"
    )
    assert decode_client('{"type":"say","ref":"c1","text":"多少钱？"}') == Say("c1", "多少钱？")
    assert decode_client('{"type":"like","count":3}') == Like(3)
    assert decode_client('{"type":"ping"}') == Ping()


def test_a_field_from_a_later_version_is_ignored() -> None:
    assert decode_client('{"type":"like","count":1,"colour":"red"}') == Like(1)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", Malformed),
        ("hello", Malformed),
        ('"hello"', Malformed),
        ('["say","c1"]', Malformed),
        ('{"type":"say","ref":"c1","text":"a"', Malformed),
        ("[" * 9000, Malformed),
        ('{"type":"ping","x":' + "[" * 5000 + "]" * 5000 + "}", Malformed),
        ('{"type":"say","ref":"c1","text":"\ud800"}', Malformed),
        ("{}", UnknownType),
        ('{"type":null}', UnknownType),
        ('{"type":{"a":1}}', UnknownType),
        ('{"type":"welcome"}', UnknownType),
        ('{"type":"say","ref":"c1"}', InvalidFrame),
        ('{"type":"say","ref":"c1","text":""}', InvalidFrame),
        ('{"type":"say","ref":"c1","text":"a\\u0000b"}', InvalidFrame),
        ('{"type":"say","ref":"' + "c" * 65 + '","text":"a"}', InvalidFrame),
        ('{"type":"say","ref":7,"text":"a"}', InvalidFrame),
        ('{"type":"like","count":0}', InvalidFrame),
        ('{"type":"like","count":1e9}', InvalidFrame),
        ('{"type":"like","count":"3"}', InvalidFrame),
        ('{"type":"hello"}', InvalidFrame),
        (
            '{"type":"hello","v":1,"positions":{"a":"1-1","b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":""}}',
            InvalidFrame,
        ),
        ('{"type":"say","ref":"c1","text":"' + "多" * 5600 + '"}', TooLarge),
    ],
)
def test_a_bad_frame_is_named(text: str, kind: type[BadFrame]) -> None:
    with pytest.raises(kind):
        decode_client(text)


def test_a_problem_carries_the_ref_of_the_frame_it_is_about() -> None:
    with pytest.raises(InvalidFrame) as error:
        decode_client('{"type":"say","ref":"c1","text":7}')
    assert error.value.ref == "c1"
    body = error.value.body()
    assert body["slug"] == "invalid-frame"
    assert body["status"] == 422
    assert "text" in body["detail"]


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
frames = st.fixed_dictionaries(
    {"type": st.sampled_from(["hello", "say", "like", "ping", "x"]) | json_values},
    optional=dict.fromkeys(("v", "positions", "invite", "ref", "text", "count"), json_values),
)


@given(st.text() | st.binary() | json_values.map(json.dumps) | frames.map(json.dumps))
@example("\x00")
def test_whatever_comes_is_a_frame_or_a_named_bad_frame(text: str | bytes) -> None:
    answer: object
    try:
        answer = decode_client(text)
    except BadFrame as error:
        answer = error.body()["status"]
    assert isinstance(answer, Hello | Say | Like | Ping) or answer in range(400, 500)


def test_close_codes_say_whether_to_connect_again() -> None:
    assert all(4000 <= code <= 4999 for code in CloseCode)
    assert [code for code in CloseCode if code.reconnect] == [code for code in CloseCode if code < 4500]
    assert CloseCode.GOING_AWAY.reason == "going-away"
