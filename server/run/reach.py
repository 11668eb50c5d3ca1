"""A system to act on from beside it: the one of the configured URLs, or the one that lives in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from server.kit.settings import Settings, SettingsError
from server.run.embedded import EmbeddedServers
from server.run.folders import FolderInUse


@contextmanager
def reached(data: Path, environ: Mapping[str, str]) -> Iterator[Settings]:
    """An embedded system that runs is joined; one that doesn't has its servers started until the block ends.

    Raises SettingsError, FolderUnusable and EmbeddedServerFailed.
    """
    if environ.get("SHOWFLOOR_DATABASE_URL") and environ.get("SHOWFLOOR_REDIS_URL"):
        yield Settings.from_env(environ)
        return
    servers = EmbeddedServers(data)
    if not servers.folder.postgres.exists():
        raise SettingsError(
            f"{servers.folder.root} holds no embedded system. Name its folder by --data, or set "
            "SHOWFLOOR_DATABASE_URL and SHOWFLOOR_REDIS_URL."
        )
    urls = {"SHOWFLOOR_DATABASE_URL": servers.database_url, "SHOWFLOOR_REDIS_URL": servers.redis_url}
    here = {**environ, **urls, "SHOWFLOOR_DATA": str(servers.folder.root)}
    try:
        servers.start()
    except FolderInUse:
        yield Settings.from_env(here)
        return
    try:
        yield Settings.from_env(here)
    finally:
        servers.stop()
