from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.run.showfloor_process import is_alive, until

SUPERVISOR = """
import os, signal, subprocess, sys
from server.run.watchdog import Watchdog
watchdog = Watchdog(needed=True)
children = [subprocess.Popen([sys.executable, "-c", code]) for code in {codes!r}]
for child in children:
    watchdog.watch(child.pid, signal.SIGTERM)
{then}
print(*(child.pid for child in children), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
SLEEPS = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


@pytest.mark.parametrize("code", [SLEEPS, DEAF])
def test_children_of_a_killed_supervisor_are_ended(code: str) -> None:
    (pid,) = _children_after_kill([code])
    until(lambda: not is_alive(pid), seconds=10)


def test_child_that_was_forgotten_is_left_alone(kill_later: Callable[[int], None]) -> None:
    first, second = _children_after_kill([SLEEPS, SLEEPS], then="watchdog.forget(children[0].pid)")
    kill_later(first)
    until(lambda: not is_alive(second), seconds=10)
    assert is_alive(first)


@pytest.fixture
def kill_later() -> object:
    import os
    import signal

    pids: list[int] = []
    yield pids.append
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def _children_after_kill(codes: list[str], then: str = "") -> list[int]:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR.format(codes=codes, then=then)], stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout
    pids = [int(pid) for pid in supervisor.stdout.readline().split()]
    supervisor.wait()
    return pids
