"""10,000 sequences of acts and faults on a sale, against its model; see tests/server/flash_sales/machine.py."""

from __future__ import annotations

import tempfile
from pathlib import Path

from scripts.soaks.promises import Promises
from server.kit.database import migrate
from server.run.embedded import EmbeddedServers
from tests.server.flash_sales.machine import run_machines

WITHIN_S = (600, 3600)
SEQUENCES, SHORT_SEQUENCES, STEPS = 10_000, 1_000, 8


def run(promises: Promises, short: bool) -> None:
    count = SHORT_SEQUENCES if short else SEQUENCES
    with tempfile.TemporaryDirectory(prefix="showfloor-soak-", dir="/tmp") as folder:
        servers = EmbeddedServers(Path(folder) / "data", durable=False)
        servers.start()
        try:
            migrate(servers.database_url)
            run_machines(servers.database_url, servers.redis_url, count, STEPS)
        except AssertionError as error:
            promises.count("a sale agrees with its model", count, 1, error)
        else:
            promises.count("a sale agrees with its model", count, 0)
        finally:
            servers.stop()
