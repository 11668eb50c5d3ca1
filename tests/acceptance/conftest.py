from __future__ import annotations

import pytest

from tests.acceptance import seat
from tests.acceptance.demo import Demo, running_demo


@pytest.fixture(scope="package")
def demo():
    with running_demo() as demo:
        yield demo


@pytest.fixture
def viewer(demo: Demo):
    return demo.guest("Ms Wang")


@pytest.fixture(autouse=True)
def nobody_stays_seated():
    yield
    while seat.TAKEN:
        seat.TAKEN.pop().socket.close()
