"""What benches share: figures, cores, children, what /proc knows of them, and helpers built once into a cache."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from signal import SIGKILL
from typing import Any

from scripts._setup import VENV, apt_install, has_node
from server.run.processes import die_with_parent

HERE = Path(__file__).parent
CACHE = VENV / "bench"
"""Ignored by git with all of .venv."""
STOP_WITHIN_S = 10
PRIORITY = -15
"""As a nice value."""


@dataclass(frozen=True)
class Metric:
    value: float
    unit: str
    reference: str | None = None
    """What it is compared with; measured in the same run."""
    reference_value: float | None = None

    @property
    def ratio(self) -> float | None:
        return round(self.value / self.reference_value, 3) if self.reference_value else None


@dataclass(frozen=True)
class Report:
    metrics: Mapping[str, Metric]
    notes: Sequence[str] = field(default=())
    """Sentences for people: the physical limit, and what is left to it."""


def table(name: str, report: Report) -> str:
    rows = [("metric", "value", "unit", "reference", "", "ratio")]
    for metric_name, metric in report.metrics.items():
        reference = shown(metric.reference_value) if metric.reference_value is not None else ""
        ratio = f"{metric.ratio:.2f}" if metric.ratio is not None else ""
        rows.append((metric_name, shown(metric.value), metric.unit, metric.reference or "", reference, ratio))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = ["ljust", "rjust", "ljust", "ljust", "rjust", "rjust"]
    lines = [
        "  ".join(
            getattr(cell, side)(width) for cell, side, width in zip(row, aligned, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    return "\n".join([f"{name} on {machine()}", "", *lines, "", *report.notes])


def shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def machine() -> str:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return (
        f"{os.cpu_count()} cores {models[0] if models else platform.machine()}, "
        f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    )


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def progress(said: str) -> None:
    print(said, file=sys.stderr, flush=True)


# Cores and files


def two_cores() -> tuple[int, int]:
    """The server's and its clients'. On a machine of one they are the same."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[-1], allowed[0]


def pin(core: int) -> None:
    """This process, and children that don't choose another."""
    os.sched_setaffinity(0, {core})


@contextmanager
def before_others(*pids: int) -> Iterator[None]:
    """Where it is allowed, these processes and this one's session get the cores before the rest of the machine, which
    would lengthen a server's pauses. The kernel shares cores out among sessions first (sched(7), autogroup)."""
    places = [Path(f"/proc/{pid}/autogroup") for pid in (os.getpid(), *pids)]
    before: dict[Path, str] = {}
    with suppress(OSError):
        for place in places:
            # "/autogroup-25 nice 0", or nothing where the kernel groups processes otherwise.
            if said := place.read_text().split():
                before[place] = said[-1]
                place.write_text(str(PRIORITY))
    try:
        yield
    finally:
        with suppress(OSError):
            for place, nice in before.items():
                place.write_text(nice)


def allow_files(wanted: int) -> None:
    """For this process and its children. Or exits with what to do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    except (ValueError, OSError):
        raise SystemExit(
            f"{wanted} open files are needed, {hard} allowed: ulimit -n {wanted}, as root"
        ) from None


# Children


@contextmanager
def child(*command: str, core: int, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Runs beside this process, on its core, with pipes as stdin and stdout; ended by SIGTERM, and in any case with
    this process."""
    started = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=partial(_settle, core, os.getpid()),  # noqa: PLW1509  no thread runs yet
        **options,
    )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        with suppress(BrokenPipeError):
            started.communicate()


def _settle(core: int, parent: int) -> None:
    die_with_parent(SIGKILL, parent)
    pin(core)


def told(started: subprocess.Popen[str]) -> str:
    """The next line that the child prints; the bench ends with it if there is none."""
    assert started.stdout is not None
    line = started.stdout.readline().strip()
    if not line:
        raise SystemExit(f"{started.args} ended with {started.wait(STOP_WITHIN_S)}")
    return line


def children(pid: int) -> list[int]:
    """Of any of its threads; none when it is gone."""
    with suppress(OSError):
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    return []


def cpu_s(pid: int) -> float:
    """CPU time of all the process's threads, in user mode and the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waited_s(pid: int) -> float:
    """How long its main thread was ready to run while others had the core: how much the machine disturbed it."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def busy_s(core: int) -> float:
    """How long the core has worked, for whomever (proc_stat(5): all but idle, iowait and guests)."""
    line = next(
        line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{core} ")
    )
    user, nice, system, _, _, irq, softirq, steal = map(int, line.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def rss_kb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


# Helpers built once


def built(source: str, *flags: str) -> str:
    """The program (or, by its flags, the library) made of a C file beside this module."""
    path = HERE / source
    program = CACHE / f"{path.stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    if not program.exists():
        if not (shutil.which("cc") or apt_install("gcc", "libc6-dev")):
            raise SystemExit("a C compiler is needed: sudo apt-get install -y gcc libc6-dev")
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = program.with_suffix(f".{os.getpid()}")
        subprocess.run(
            ["cc", "-O2", "-Wall", *flags, "-o", str(fresh), str(path)], check=True, stdout=sys.stderr
        )
        fresh.rename(program)
    return str(program)


def node_folder(name: str) -> Path | None:
    """A copy of the folder with exactly the packages of its lock; None where there is no Node."""
    if not has_node():
        return None
    source, copy = HERE / name, CACHE / name
    stamp = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(source.iterdir()))).hexdigest()
    marker = copy / ".made-from"
    if not marker.exists() or marker.read_text() != stamp:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy)
        install = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"]
        subprocess.run(install, cwd=copy, check=True, stdout=sys.stderr)
        marker.write_text(stamp)
    return copy
