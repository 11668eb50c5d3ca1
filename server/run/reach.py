"""A system to act on from beside it: the one of the configured URLs, or the one that lives in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from server.kit.settings import Settings, SettingsError
from server.run.embedded import EmbeddedServers
from server.run.folders import FolderInUse


@contextmanager
def reached(data: Path, environ: Mapping[str, str]) -> Iterator[Settings]:
    """Of the two servers, a configured URL names one's own, and the other is the folder's: it is joined when it runs,
    and otherwise started until the block ends.

    Raises SettingsError, FolderUnusable and EmbeddedServerFailed.
    """
    servers = EmbeddedServers(data)
    here = servers.folder
    wanted = {
        "SHOWFLOOR_DATABASE_URL": (servers.postgres, here.postgres),
        "SHOWFLOOR_REDIS_URL": (servers.valkey, here.valkey),
    }
    missing = {variable: found for variable, found in wanted.items() if not environ.get(variable)}
    if missing and not next(iter(missing.values()))[1].exists():  # Valkey's may have been lost
        raise SettingsError(
            f"{here.root} holds no embedded system. Name its folder by --data, or set {' and '.join(missing)}."
        )
    urls = {variable: server.url for variable, (server, _) in missing.items()}
    of_folder = {**urls, "SHOWFLOOR_DATA": str(here.root)} if missing else {}
    with ExitStack() as running:
        if missing and _is_free(servers):
            running.callback(here.unlock)
            for server, _ in missing.values():
                running.callback(server.stop)
                server.start()
        yield Settings.from_env({**environ, **of_folder})


def _is_free(servers: EmbeddedServers) -> bool:
    """Whether nobody runs on the folder, which is then locked."""
    try:
        servers.folder.lock()
    except FolderInUse:
        return False
    return True
