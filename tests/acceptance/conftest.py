from __future__ import annotations

import pytest

from tests.acceptance.demo import Demo, running_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    with running_demo(tmp_path_factory.mktemp("demo", numbered=True)) as demo:
        yield demo


@pytest.fixture
def viewer(demo: Demo):
    return demo.guest("Ms Wang")
