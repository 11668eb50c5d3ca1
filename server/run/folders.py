"""Where an embedded system keeps its things, and as whom its servers run.

    DATA/postgres   PostgreSQL's cluster      DATA/secret           signs tokens, 0600
    DATA/valkey     Valkey's append-only log  DATA/supervisor.json  state of every process
    DATA/run        unix sockets, 0700        DATA/logs             what the two servers write

PostgreSQL refuses to run as root. Started by root, the two servers therefore run as a system user without
log-in, made on first use, which must be able to pass through every folder above DATA. That is why root's
default is /var/lib/showfloor, open on every system, and not the current folder, which often lies in /root.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from server.kit.settings import Explained

SERVICE_USER = "showfloor"
ROOTS_FOLDER = Path("/var/lib/showfloor")
SOCKET_PATH_LIMIT = 100  # bytes; the kernel's own is 108 on Linux and 104 on macOS
LOG_LIMIT = 16 << 20  # bytes; a longer log is set aside as *.1 at the next start


class FolderInUse(Exception):
    """Another Showfloor runs on this folder."""


class FolderUnusable(Explained):
    """The text says why and what to do."""


@dataclass(frozen=True)
class Account:
    """The system user that the embedded servers run as."""

    uid: int
    gid: int

    @property
    def name(self) -> str:
        import pwd

        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


def default_data() -> Path:
    return ROOTS_FOLDER / "data" if os.geteuid() == 0 else Path("data")


class DataFolder:
    """One DATA folder. `said` collects what was done outside it, one line each, for the person at the terminal."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self.digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        self.postgres = self.root / "postgres"
        self.valkey = self.root / "valkey"
        self.logs = self.root / "logs"
        self.sockets = self._short_enough(self.root / "run")
        self.account: Account | None = None
        self.said: list[str] = []
        self._lock: int | None = None

    def lock(self) -> None:
        """Held until `unlock` or this process's end, however that comes. Raises FolderInUse, FolderUnusable."""
        if self._lock is not None:
            return
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FolderUnusable(
                f"{self.root} can't be used: {error.strerror}. Name another by --data."
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise FolderInUse(str(self.root)) from None
        self._lock = descriptor

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def prepare(self) -> None:
        """Make the folders, owned by whoever will run the servers. To be called with the lock held."""
        if os.geteuid() == 0:
            self.account = self._owner_of_cluster() or self._service_account()
            self._say(
                f"as root: PostgreSQL and Valkey run as the user {self.account.name}, data in {self.root}"
            )
            self._let_pass()
        self.logs.mkdir(mode=0o700, exist_ok=True)
        for folder in (self.valkey, self.sockets):
            self.own(folder)

    def _say(self, line: str) -> None:
        if line not in self.said:
            self.said.append(line)

    def own(self, folder: Path) -> None:
        """Make `folder` closed to everybody but the servers' user. Raises FolderUnusable when it is another's."""
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        mine = (os.geteuid(), self.account.uid) if self.account else (os.geteuid(),)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in mine:
            raise FolderUnusable(
                f"{folder} belongs to another user: start as that user, or name another --data."
            )
        folder.chmod(0o700)
        if self.account:
            os.chown(folder, self.account.uid, self.account.gid)

    def log(self, name: str) -> Path:
        path = self.logs / f"{name}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        return path

    def programs(self, package: str, folders: tuple[str, ...]) -> Path:
        """The folder in which a wheel's `folders` lie: where it is installed, or a copy that anybody may run.

        The copy is for root's servers when their user can't reach the checkout: /root stays closed that way.
        """
        installed = Path(str(distribution(package).locate_file("")))
        present = [installed / name for name in folders if (installed / name).exists()]
        if self.account is None or all(_anyone_may_run(folder) for folder in present):
            return installed
        copy = ROOTS_FOLDER / "programs" / f"{package}-{distribution(package).version}"
        if not copy.exists():
            self._copy(present, copy)
            self._say(f"copied {package} to {copy}, since {SERVICE_USER} can't reach {installed}")
        return copy

    def _copy(self, folders: list[Path], target: Path) -> None:
        fresh = target.with_name(f".{target.name}-{os.getpid()}")
        for folder in folders:
            shutil.copytree(
                folder, fresh / folder.name, symlinks=True, ignore=shutil.ignore_patterns("include")
            )
        _open_to_all(fresh)
        _open_to_all_above(fresh)
        with suppress(OSError):  # another start was quicker
            fresh.rename(target)
        shutil.rmtree(fresh, ignore_errors=True)

    def _short_enough(self, folder: Path) -> Path:
        if len(os.fsencode(folder / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT:
            return folder
        return Path("/tmp") / f"showfloor-{self.digest}"  # noqa: S108  own() checks whose it is

    def _owner_of_cluster(self) -> Account | None:
        with suppress(FileNotFoundError):
            found = self.postgres.stat()
            if found.st_uid != 0:
                return Account(found.st_uid, found.st_gid)
        return None

    def _service_account(self) -> Account:
        import pwd

        name = "_postgres" if sys.platform == "darwin" else SERVICE_USER
        with _alone_on_this_machine():
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                self._add_user(name)
                entry = pwd.getpwnam(name)
        return Account(entry.pw_uid, entry.pw_gid)

    def _add_user(self, name: str) -> None:
        command = [
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            name,
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            complaint = done.stderr.strip() if done.returncode not in {0, 9} else ""  # 9: it exists by now
        except FileNotFoundError:
            complaint = "useradd is not installed"
        if complaint:
            raise FolderUnusable(
                f"PostgreSQL can't run as root, and a user for it could not be made ({complaint}). "
                "Start as an ordinary user, or set SHOWFLOOR_DATABASE_URL and SHOWFLOOR_REDIS_URL."
            )
        self._say(f"made the system user {name}, as PostgreSQL can't run as root")

    def _let_pass(self) -> None:
        for folder in _open_to_all_above(self.root / "postgres"):
            if folder != self.root:
                self._say(f"let other users pass through {folder} (chmod o+x): the data lies below it")


@contextmanager
def _alone_on_this_machine() -> Iterator[None]:
    """Among root's starts. Two programs that add the same user at the same time may both succeed, and then what the
    first one's servers own belongs to nobody."""
    ROOTS_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (ROOTS_FOLDER / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _anyone_may_run(folder: Path) -> bool:
    open_way = all(above.stat().st_mode & stat.S_IXOTH for above in (folder, *folder.parents))
    return open_way and all(file.stat().st_mode & stat.S_IROTH for file in folder.rglob("*"))


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            executable = path.is_dir() or mode & stat.S_IXUSR
            path.chmod(mode | 0o444 | (0o111 if executable else 0))


def _open_to_all_above(path: Path) -> list[Path]:
    """Let others pass through, not list, each folder above `path` that is closed to them; those changed."""
    closed = [folder for folder in path.parents if not folder.stat().st_mode & stat.S_IXOTH]
    for folder in closed:
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)
    return closed
