from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.demo import Person, running_demo
from tests.faults.processes import Processes
from tests.faults.showroom import Showroom

CROWD = 24


@pytest.fixture(scope="session")
def room() -> Iterator[Showroom]:
    """One running demo for all of these tests, with a room of their own."""
    with running_demo() as demo:
        yield Showroom(demo.data)
        __import__("shutil").copy(f"{demo.data}.log", "/tmp/faults-dev.log")


@pytest.fixture(scope="session")
def processes(room: Showroom) -> Processes:
    return Processes(room)


@pytest.fixture(scope="session")
def crowd(room: Showroom) -> list[Person]:
    return room.buyers(CROWD)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes its time to come back is looked for last."""
    items.sort(key=lambda item: item.name == "test_the_picture_comes_back")
