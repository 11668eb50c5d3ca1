from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.acceptance.demo import Person, running_demo
from tests.faults.processes import Processes
from tests.faults.showroom import Showroom

CROWD = 24
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\S+ (?P<message>\[.*?\] .*?\]).*")
"""The first line of an entry, with its level, words and logger; the tracebacks below it would bury the rest."""


@pytest.fixture(scope="package")
def room() -> Iterator[Showroom]:
    """One running demo for all of these tests, with a room of their own."""
    with running_demo() as demo:
        yield Showroom(demo.data)


@pytest.fixture(autouse=True)
def log_of_the_demo(room: Showroom) -> Iterator[None]:
    """What the processes said meanwhile, shown with a test that fails."""
    log = room.data.parent / "log"
    before = log.stat().st_size
    yield
    with log.open("rb") as said:
        said.seek(before)
        lines = said.read().decode(errors="replace").splitlines()
    entries = [entry for line in lines if (entry := LOG_LINE.match(line))]
    print("\n".join(entry[0] for entry in entries if "showfloor.supervisor" in entry[0]))
    print(*Counter(" ".join(entry["message"].split()) for entry in entries).most_common(), sep="\n")


@pytest.fixture(scope="package")
def processes(room: Showroom) -> Processes:
    return Processes(room)


@pytest.fixture(scope="package")
def crowd(room: Showroom) -> list[Person]:
    return room.buyers(CROWD)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes its time to come back is looked for last."""
    items.sort(key=lambda item: item.name == "test_the_picture_comes_back")
