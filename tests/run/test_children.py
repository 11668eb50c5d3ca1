"""What one child does when its life can't begin."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from server.kit.settings import Settings
from server.run import children, supervisor
from server.run.children import Child, Life
from server.run.ground import Plan
from server.run.supervisor import Supervisor
from server.run.watchdog import Watchdog


class Begin:
    """Starts a process that is ready at once; the first `fail_after` times, then it lacks what it needs, once."""

    def __init__(self, fail_after: int) -> None:
        self.fail_after = fail_after
        self.lives = 0
        self.failed = asyncio.Event()

    async def __call__(self) -> Life:
        if self.lives == self.fail_after and not self.failed.is_set():
            self.failed.set()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.lives += 1

        async def ready() -> bool:
            return True

        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "input()", stdin=-1)
        return Life(process, ready())


def child_of(begin: Begin) -> Child:
    return Child("child", begin, Watchdog(needed=False), lambda: None)


async def test_what_the_system_lacks_for_a_moment_does_not_end_a_child_that_was_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(children, "PAUSES", (0.0,))
    begin = Begin(fail_after=1)
    child = child_of(begin)
    keeping = asyncio.create_task(child.keep())
    async with asyncio.timeout(20):
        await child.once_ready.wait()
        assert child.state.pid
        os.kill(child.state.pid, signal.SIGKILL)
        await begin.failed.wait()
        while begin.lives < 2 or child.state.state != "ready":
            await asyncio.sleep(0.01)
    await child.stop(5)
    await keeping


async def test_what_the_system_lacks_at_the_first_start_is_told() -> None:
    with pytest.raises(OSError, match="No space"):
        await child_of(Begin(fail_after=0)).keep()


async def test_a_full_disk_does_not_end_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    plan = Plan(tmp_path, "127.0.0.1", 0, demo=False, lan=None, web_processes=1)
    standing = Supervisor(plan, {})
    monkeypatch.setattr(supervisor.SupervisorState, "write", full)
    standing._write_state()


def test_local_network_is_trusted_by_its_own_authority_alone(tmp_path: Path) -> None:
    plan = Plan(tmp_path, "127.0.0.1", 0, demo=False, lan="127.0.0.1", web_processes=1)
    environ = Supervisor(plan, {})._ground.environ
    assert "SSL_CERT_FILE" not in environ
    urls = {"SHOWFLOOR_DATABASE_URL": "postgresql://db/shop", "SHOWFLOOR_REDIS_URL": "redis://cache"}
    settings = Settings.from_env(environ | urls)
    (authority,) = settings.internal_tls().get_ca_certs()
    assert "Showfloor on" in str(authority["subject"])
