"""The two servers that the media bench compares, each in a process of its own on one core: how to start them, and how a
viewer and the host come in."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import ifaddr

from scripts._setup import apt_install
from scripts.benches.frame import child
from scripts.benches.media_link import Link, Remote
from scripts.benches.media_viewers import Join, Viewer
from server.kit.settings import load_or_make_secret
from server.rooms.media_node import INTERNAL_HEADER, internal_key

Name = Literal["Janus", "accelerated", "plain"]
Accelerator = Literal["auto", "off"]
"""As SHOWFLOOR_MEDIA_ACCELERATOR has it."""
ROOM = "bench"
_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Server:
    """`host` are the arguments of `media_host`."""

    pid: int
    join: Join
    host: Sequence[str]
    accelerated: bool = False


@contextmanager
def server(name: Name, core: int) -> Iterator[Server]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="showfloor-bench-", dir="/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if name == "Janus":
            yield stack.enter_context(_janus(folder, core))
        else:
            accelerator: Accelerator = "auto" if name == "accelerated" else "off"
            yield stack.enter_context(_showfloor(folder, core, accelerator))


def _client(base: str, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    return httpx.AsyncClient(
        base_url=base, headers=headers, timeout=_PATIENCE_S, limits=limits, trust_env=False
    )


# Showfloor: `showfloor media`, as the supervisor starts it


@contextmanager
def _showfloor(folder: Path, core: int, accelerator: Accelerator) -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    key = internal_key(load_or_make_secret(folder))
    headers = {INTERNAL_HEADER: key}
    environment = {
        **os.environ,
        "SHOWFLOOR_DATA": str(folder),
        "SHOWFLOOR_DATABASE_URL": "postgresql://media/needs-none",
        "SHOWFLOOR_REDIS_URL": "redis://media.needs.none",
        "SHOWFLOOR_MEDIA_ACCELERATOR": accelerator,
    }
    command = [sys.executable, "-m", "server.cli", "media", "--listen-fd", str(listener.fileno())]
    client = _client(base, headers)

    async def join(viewer: Viewer) -> None:
        answer = (await client.post(f"/whep/{ROOM}", content=viewer.offer)).raise_for_status().text
        viewer.learn(answer)
        viewer.link.aim(Remote.of(answer))

    options: dict[str, Any] = {"env": environment, "pass_fds": [listener.fileno()]}
    with (folder / "log").open("w+") as log, child(*command, core=core, stderr=log, **options) as process:
        listener.close()  # connections wait there until it serves
        try:
            said = httpx.get(f"{base}/rooms", headers=headers, timeout=_PATIENCE_S, trust_env=False)
        except httpx.TransportError as error:
            raise SystemExit(f"the media role did not start: {log.read()}") from error
        accelerated = said.raise_for_status().json()["node"]["accelerated"]
        yield Server(process.pid, join, ["whip", f"{base}/whip/{ROOM}", INTERNAL_HEADER, key], accelerated)


# Janus: Debian's, its streaming plugin fed by RTP

_JANUS = """
general: {{ configs_folder = "{folder}" debug_level = 1 log_to_stdout = false log_to_file = "{folder}/log"
    interface = "127.0.0.1" session_timeout = 0 event_loops = 1 server_name = "bench" }}
media: {{ slowlink_threshold = 0 }}
nat: {{ ice_lite = true ice_enforce_list = "{address}" full_trickle = false }}
plugins: {{ disable = "{no_plugins}" }}
transports: {{ disable = "{no_transports}" }}
"""
_STREAMING = """
general: {{ events = false }}
bench: {{ type = "rtp" id = 1 audio = true audioport = {audio} audioiface = "127.0.0.1" audiopt = 111
    audiocodec = "opus" video = true videoport = {video} videortcpport = {feedback} videoiface = "127.0.0.1"
    videopt = 96 videocodec = "h264" videofmtp = "profile-level-id=42e01f;packetization-mode=1" }}
"""
_HTTP = """
general: {{ json = "compact" base_path = "/janus" http = true port = {http} ip = "127.0.0.1" https = false
    events = false }}
admin: {{ admin_http = false }}
"""
_OTHER_PLUGINS = [
    *("audiobridge", "duktape", "echotest", "lua", "nosip", "recordplay"),
    *("sip", "textroom", "videocall", "videoroom", "voicemail"),
]
_OTHER_TRANSPORTS = ["mqtt", "nanomsg", "pfunix", "rabbitmq", "websockets"]


def janus_version() -> str:
    """Installs it where that is allowed; or exits with what to do."""
    if not (shutil.which("janus") or apt_install("janus")):
        raise SystemExit("Janus is needed, to compare with: sudo apt-get install -y janus")
    said = subprocess.run(["janus", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+\.\d+\.\d+", said)
    return found[0] if found else "of unknown version"


@contextmanager
def _janus(folder: Path, core: int) -> Iterator[Server]:
    audio, video, feedback, http = (str(port) for port in _free_ports())
    written = {
        "janus.jcfg": _JANUS.format(
            folder=folder,
            address=_own_address(),
            no_plugins=_libraries(_OTHER_PLUGINS),
            no_transports=_libraries(_OTHER_TRANSPORTS),
        ),
        "janus.plugin.streaming.jcfg": _STREAMING.format(audio=audio, video=video, feedback=feedback),
        "janus.transport.http.jcfg": _HTTP.format(http=http),
    }
    for name, text in written.items():
        (folder / name).write_text(text)
    client = _client(f"http://127.0.0.1:{http}")
    with child("janus", f"--configs-folder={folder}", core=core, stderr=subprocess.DEVNULL) as process:
        _wait_for(int(http))
        yield Server(process.pid, _JanusApi(client).join, ["rtp", audio, video, feedback])


def _own_address() -> str:
    """Janus offers no loopback address; packets between a machine's own addresses take that road all the same."""
    addresses = (ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str))
    found = next((ip for ip in addresses if not ip.startswith(("127.", "169.254."))), None)
    if found is None:
        raise SystemExit("Janus needs an IPv4 address other than the loopback's")
    return found


def _libraries(names: list[str]) -> str:
    return ",".join(f"libjanus_{name}.so" for name in names)


def _free_ports() -> Iterator[int]:
    """Three of UDP and one of TCP, free a moment ago."""
    kinds = [socket.SOCK_DGRAM] * 3 + [socket.SOCK_STREAM]
    with ExitStack() as held:
        for kind in kinds:
            holder = held.enter_context(socket.socket(socket.AF_INET, kind))
            holder.bind(("127.0.0.1", 0))
            yield holder.getsockname()[1]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("Janus did not start")


class _JanusApi:
    """https://janus.conf.meetecho.com/docs/rest.html and streaming.html: a session of its own for each viewer."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def join(self, viewer: Viewer) -> None:
        session = await self._made("/janus", {"janus": "create"})
        handle = await self._made(session, {"janus": "attach", "plugin": "janus.plugin.streaming"})
        await self._ask(handle, {"janus": "message", "body": {"request": "watch", "id": 1}})
        offer = await self._offered(session)
        viewer.learn(offer)
        jsep = {
            "type": "answer",
            "sdp": answer(offer, viewer.link, viewer.link.aim(Remote.of(offer), checks=True)),
        }
        await self._ask(handle, {"janus": "message", "body": {"request": "start"}, "jsep": jsep})

    async def _made(self, at: str, request: dict[str, Any]) -> str:
        return f"{at}/{(await self._ask(at, request))['data']['id']}"

    async def _ask(self, at: str, request: dict[str, Any]) -> dict[str, Any]:
        response = await self._client.post(at, json={**request, "transaction": secrets.token_hex(6)})
        return self._checked(response)

    async def _offered(self, session: str) -> str:
        while True:
            event = self._checked(await self._client.get(session, params={"maxev": 1}))
            if "jsep" in event:
                return str(event["jsep"]["sdp"])

    def _checked(self, response: httpx.Response) -> dict[str, Any]:
        said: dict[str, Any] = response.raise_for_status().json()
        if said.get("janus") == "error":
            raise SystemExit(f"Janus refused: {said}")
        return said


def answer(offer: str, link: Link, address: tuple[str, int]) -> str:
    """To an offer of sections that each are of use as a whole: to receive all of it, at this address."""
    host, port = address
    lines = []
    for line in offer.splitlines():
        if line.startswith("m="):
            lines += [
                line,
                "c=IN IP4 0.0.0.0",
                f"a=ice-ufrag:{link.ufrag}",
                f"a=ice-pwd:{link.password}",
                f"a=fingerprint:sha-256 {link.fingerprint}",
                "a=setup:active",
                "a=recvonly",
                f"a=candidate:1 1 udp 2130706431 {host} {port} typ host",
                "a=end-of-candidates",
            ]
        elif line.startswith(_ANSWERED):
            lines.append(line)
    return "\r\n".join(lines) + "\r\n"


_ANSWERED = (
    "v=",
    "o=",
    "s=",
    "t=",
    "a=group:",
    "a=mid:",
    "a=rtcp-mux",
    "a=rtpmap:",
    "a=fmtp:",
    "a=rtcp-fb:",
    "a=extmap:",
)
