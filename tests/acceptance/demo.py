"""A Showfloor as anybody starts it, and the people who use it from outside, over HTTP alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
START_S = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(what: str, look: Callable[[], Any], seconds: float = 15.0) -> Any:
    """The first truthy thing that `look` gives; fails with what was last seen."""
    ends = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > ends:
            raise AssertionError(f"not within {seconds} s: {what}; last seen {seen!r}")
        time.sleep(0.1)


class Person:
    """Somebody with a token; `member_id` for viewers."""

    def __init__(self, base_url: str, token: str | None = None, member_id: str | None = None) -> None:
        self.token = token
        self.member_id = member_id
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=base_url, headers=headers, timeout=20)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def post(self, path: str, body: Any = None, key: str | None = None, **options: Any) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post(path, json=body if body is not None else {}, headers=headers, **options)

    def put(self, path: str, body: Any) -> httpx.Response:
        return self.http.put(path, json=body)

    def delete(self, path: str) -> httpx.Response:
        return self.http.delete(path)


class Demo:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.keys: dict[str, Any] = json.loads((data / "demo.json").read_text())
        self.base_url: str = self.keys["base_url"]
        self.room: str = self.keys["room_id"]
        self.nobody = Person(self.base_url)

    def staff(self, role: str) -> Person:
        return Person(self.base_url, self.keys["accounts"][role]["token"])

    def guest(self, name: str) -> Person:
        answer = self.nobody.post("/api/guests", {"name": name})
        assert answer.status_code == 201, answer.text
        body = answer.json()
        return Person(self.base_url, body["token"], body["member_id"])

    def touched_guest(self, name: str) -> Person:
        """A guest who came by the guide's link."""
        guest = self.guest(name)
        code = self.keys["invite_url"].rsplit("/i/", 1)[1]
        assert guest.post(f"/api/invitations/{code}/touches").status_code == 201
        return guest

    def holds_path(self, sale_id: str) -> str:
        return f"/api/rooms/{self.room}/flash-sales/{sale_id}/holds"

    def new_sale(self, **changes: Any) -> dict[str, Any]:
        """A sale of this test alone."""
        shelf = self.nobody.get(f"/api/rooms/{self.room}/public").json()["shelf"]
        sale = {
            "sku_id": shelf[0]["skus"][0]["sku_id"],
            "title": f"test {uuid.uuid4().hex[:6]}",
            "price_minor": 2990,
            "stock": 5,
            "limit_per_buyer": 1,
            "hold_seconds": 120,
            "duration_seconds": 3600,
        } | changes
        answer = self.staff("operator").post(f"/api/rooms/{self.room}/flash-sales", sale)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def bought(self, buyer: Person, sale_id: str | None = None) -> dict[str, Any]:
        """Hold one unit, pay it at the sandbox cashier, and wait until the order says so."""
        sale_id = sale_id or self.new_sale()["sale_id"]
        held = buyer.post(self.holds_path(sale_id), {"quantity": 1}, key=uuid.uuid4().hex)
        assert held.status_code == 201, held.text
        return self.pay(buyer, held.json()["order_id"])

    def pay(self, buyer: Person, order_id: str) -> dict[str, Any]:
        started = buyer.post(f"/api/orders/{order_id}/payments", {"provider": "sandbox"})
        assert started.status_code == 201, started.text
        approved = self.nobody.post(f"/sandbox/payments/{started.json()['payment_id']}/approve")
        assert approved.status_code == 202, approved.text

        def paid() -> dict[str, Any] | None:
            order = buyer.get(f"/api/orders/{order_id}").json()
            return order if order["status"] == "paid" else None

        return eventually("the order is paid", paid)


def is_problem(answer: httpx.Response, status: int, slug: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    if slug:
        assert body["slug"] == slug
    return body


def run_cli(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "server.cli", *arguments, "--data", str(data)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


class Bare:
    """A Showfloor without a demo, as a merchant starts it first."""

    def __init__(self, data: Path, base_url: str, log: Path) -> None:
        self.data = data
        self.base_url = base_url
        (self.owner_link,) = (word for word in log.read_text().split() if "/setup/" in word)


@contextmanager
def running_demo(
    *options: str, port: int | None = None, environment: dict[str, str] | None = None
) -> Iterator[Demo]:
    """Start `scripts/run --demo`, wait until it is ready, and stop it as a person would."""
    with _running(("--demo", *options), port or free_port(), environment or {}) as (data, _, _):
        yield Demo(data)


@contextmanager
def running_bare(environment: dict[str, str] | None = None) -> Iterator[Bare]:
    """The same without `--demo`."""
    with _running((), free_port(), environment or {}) as started:
        yield Bare(*started)


@contextmanager
def _running(
    options: tuple[str, ...], port: int, environment: dict[str, str]
) -> Iterator[tuple[Path, str, Path]]:
    """(data folder, base URL, log). The folder is not pytest's: every session of pytest shuts that one to other
    users, PostgreSQL's among them."""
    with tempfile.TemporaryDirectory(prefix="showfloor-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        data, log, url = Path(folder) / "data", Path(folder) / "log", f"http://127.0.0.1:{port}"
        command = [str(ROOT / "scripts" / "run"), "--port", str(port), "--data", str(data), *options]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
            )
        try:

            def ready() -> bool:
                assert process.poll() is None, log.read_text()[-4000:]
                return "Showfloor is ready" in log.read_text() and _answers(url)

            eventually(f"{url} is ready", ready, START_S)
            yield data, url, log
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=2).status_code == 200
    except httpx.TransportError:
        return False
