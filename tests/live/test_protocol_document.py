"""docs/protocol.md can't rot: the real decoders read its examples."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from live.protocol import ClientFrame, CloseCode, Fact, ServerFrame, Welcome, decode_client, decode_server

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
BLOCK = re.compile(r"^```(\S+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(language: str, of: str) -> list[str]:
    return [text for found, kind, text in BLOCK.findall(DOCUMENT) if (found, kind) == (language, of)]


def tags(frames: object) -> set[str]:
    return {frame.__struct_config__.tag for frame in frames.__args__}  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", examples("json", "client"))
def test_every_client_example_is_a_frame(text: str) -> None:
    decode_client(text)


@pytest.mark.parametrize("text", examples("json", "server"))
def test_every_server_example_is_a_frame_and_has_no_field_that_is_not_written(text: str) -> None:
    frame = decode_server(text)
    written = msgspec.json.decode(msgspec.json.encode(frame))
    assert msgspec.json.decode(text) == written


def test_every_frame_has_an_example() -> None:
    client = {decode_client(text).__struct_config__.tag for text in examples("json", "client")}
    server = {decode_server(text).__struct_config__.tag for text in examples("json", "server")}
    assert client == tags(ClientFrame)
    assert server == tags(ServerFrame)


def test_both_kinds_of_welcome_are_shown() -> None:
    welcomes = [
        frame for text in examples("json", "server") if isinstance(frame := decode_server(text), Welcome)
    ]
    assert {welcome.snapshot is None for welcome in welcomes} == {True, False}
    assert {all(welcome.resumed.values()) for welcome in welcomes} == {True, False}


def test_every_fact_stands_as_it_would_in_a_batch() -> None:
    topics = [
        [msgspec.json.decode(line, type=Fact) for line in block.splitlines()]
        for block in examples("jsonl", "facts")
    ]
    assert len(topics) == 6
    for facts in topics:
        assert [fact.o for fact in facts] == list(range(1, len(facts) + 1))
        assert len({fact.kind for fact in facts}) == len(facts)
    (talk,) = examples("jsonl", "talk")
    assert all(msgspec.json.decode(line)["kind"] for line in talk.splitlines())


def test_every_close_code_is_in_the_table_with_its_reason() -> None:
    rows = re.findall(r"^\| (\d{4}) \| ([a-z-]+) \|", DOCUMENT, re.MULTILINE)
    assert rows == [(str(int(code)), code.reason) for code in CloseCode]


def test_no_block_is_left_unread() -> None:
    known = {("json", "client"), ("json", "server"), ("jsonl", "facts"), ("jsonl", "talk")}
    assert {(language, kind) for language, kind, _ in BLOCK.findall(DOCUMENT)} == known
