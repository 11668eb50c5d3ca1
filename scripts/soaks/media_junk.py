"""Offers and datagrams that keep to nothing, while a viewer watches: it goes on, and they leave nothing behind.

Offers come over HTTP with good tokens, datagrams from the viewer's own address and from foreign ones; they are
mutations of real ones, and plain noise.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import UUID

import httpx
import uvloop

from live.media import rtcp
from live.media.aiortc_private import Certificate
from live.media.peer import CONNECT_WITHIN
from live.media.sessions import Scope
from scripts.benches.media_link import Link, Remote
from scripts.benches.media_viewers import OFFER
from scripts.soaks.media_house import SDP, Figures, bearer, hosted, token
from scripts.soaks.premises import Premises, premises
from scripts.soaks.promises import Promises
from tests.live.media.junk import mutated_bytes, mutated_offer
from tests.live.media.offers import BROWSER_OFFER, ENCODER_OFFER, PLAYER_OFFER

WITHIN_S = (400, 1_500)
SEED = 9725
AT_ONCE = 8
LEFT_ALONE_EVERY = 20
"""Of the offers that are accepted, one in so many is not ended by its sender but by the node."""
BURST, APART_S = 20, 0.01
STRANGERS = 16
STILL_AFTER_S = 2.0
GROWTH = 1.05
OFFERS: dict[Scope, Sequence[str]] = {"whip": (BROWSER_OFFER, ENCODER_OFFER), "whep": (PLAYER_OFFER,)}


def run(promises: Promises, short: bool) -> None:
    uvloop.run(soak(promises, offers=2_000 if short else 10_000, datagrams=10_000 if short else 100_000))


async def soak(promises: Promises, offers: int, datagrams: int) -> None:
    async with premises() as house:
        room_id = await house.stage.room(state="live", audience="members")
        async with hosted(house, room_id), watching(house, room_id) as watcher:
            await Offers(house, room_id, SEED - 1).send(300)
            await Datagrams(watcher, SEED - 1).send(2_000)
            await settled(house)
            before = Figures.of(house)
            watcher.longest_gap_s = 0.0

            sent = Offers(house, room_id, SEED)
            await sent.send(offers)
            promises.count(
                "media_junk.offers_get_201_or_a_4xx_problem", offers, len(sent.wrong), sent.wrong[:3]
            )
            refused = await at_the_door(house, room_id, watcher)
            promises.count("media_junk.foreign_requests_are_refused", len(refused), *wrongly(refused))
            noise = Datagrams(watcher, SEED)
            await noise.send(datagrams)
            promises.count(
                "media_junk.strangers_hear_nothing", noise.sent, len(noise.answers), noise.answers[:3]
            )
            left = await settled(house)
            after = Figures.of(house)

            promises.say(
                f"{offers:,} offers: {dict(sent.statuses)}; {noise.sent:,} datagrams: {dict(noise.kinds)}; "
                f"{before.rss_mb:.1f} and {after.rss_mb:.1f} MB; longest pause {watcher.longest_gap_s * 1000:.0f} ms "
                f"in {watcher.packets:,} packets"
            )
            promises.count("media_junk.leaves_no_session", offers, left)
            paused = watcher.longest_gap_s > STILL_AFTER_S
            promises.count("media_junk.viewer_goes_on", watcher.packets, paused, watcher.longest_gap_s)
            grown = after.rss_mb > GROWTH * before.rss_mb
            promises.count("media_junk.memory_within_5_percent", 1, grown, (before.rss_mb, after.rss_mb))
        for role in ("media", "web"):
            alarms = house.alarms(role)
            promises.count(f"media_junk.{role}_logs_no_error", offers + datagrams, len(alarms), alarms[:3])


def wrongly(refused: dict[str, bool]) -> tuple[int, list[str]]:
    taken = [what for what, is_refused in refused.items() if not is_refused]
    return len(taken), taken


async def settled(house: Premises) -> int:
    """Sessions that should be gone by now: all but the host's and the watcher's."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + CONNECT_WITHIN + 3
    while (left := (await house.media_report()).node.agents - 2) and loop.time() < ends:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    return left


# The viewer


class Tapped(Link):
    """Keeps copies of what it sends."""

    def send(self, datagram: bytes | memoryview) -> None:
        copies = self.__dict__.setdefault("copies", [])
        if len(copies) < 200:
            copies.append(bytes(datagram))
        super().send(datagram)


class Watcher:
    """Counts packets, and how long none came. `place` is its session's URL."""

    def __init__(self) -> None:
        self.link = Tapped(Certificate.generateCertificate(), self._heard)
        self.place = ""
        self.packets = 0
        self.longest_gap_s = 0.0
        self.heard: list[bytes] = []
        self._at: float | None = None

    @property
    def offer(self) -> str:
        link = self.link
        return OFFER.format(ufrag=link.ufrag, password=link.password, fingerprint=link.fingerprint)

    def _heard(self, datagram: bytes) -> None:
        now = asyncio.get_running_loop().time()
        if self._at is not None:
            self.longest_gap_s = max(self.longest_gap_s, now - self._at)
        self._at = now
        self.packets += 1
        if len(self.heard) < 200:
            self.heard.append(datagram)

    async def tend(self) -> None:
        while True:
            self.link.check()
            self.link.send_rtcp(rtcp.receiver_report(1, []))
            await asyncio.sleep(1.0)


@asynccontextmanager
async def watching(house: Premises, room_id: UUID) -> AsyncIterator[Watcher]:
    watcher = Watcher()
    headers = SDP | bearer(token(house, "whep", room_id))
    answer = await house.http.post(f"/whep/{room_id}", content=watcher.offer, headers=headers)
    watcher.link.aim(Remote.of(answer.raise_for_status().text))
    watcher.place = answer.headers["Location"]
    await watcher.link.connect()
    tending = asyncio.create_task(watcher.tend())
    try:
        async with asyncio.timeout(20):
            while watcher.packets < 200:  # noqa: ASYNC110  a count of very many
                await asyncio.sleep(0.05)
        yield watcher
    finally:
        tending.cancel()
        await watcher.link.close()


# Offers


class Offers:
    """`wrong` has what was answered otherwise than by 201 or a problem of the sender's."""

    def __init__(self, house: Premises, room_id: UUID, seed: int) -> None:
        self._house, self._room_id = house, room_id
        self._rng = random.Random(seed)
        self._tokens = {scope: bearer(token(house, scope, room_id)) for scope in OFFERS}
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []

    async def send(self, count: int) -> None:
        numbers = iter(range(count))

        async def some() -> None:
            for number in numbers:
                await self._one("whip" if number % 2 else "whep")

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    async def _one(self, scope: Scope) -> None:
        rng = self._rng
        offer = mutated_offer(rng, rng.choice(OFFERS[scope])).encode()
        if rng.random() < 0.2:
            offer = mutated_bytes(rng, offer)
        # As the proxy in front says it: what comes from one address is limited.
        address = {"X-Forwarded-For": f"203.0.{rng.randrange(256)}.{rng.randrange(256)}"}
        headers = SDP | self._tokens[scope] | address
        answer = await self._house.http.post(f"/{scope}/{self._room_id}", content=offer, headers=headers)
        self.statuses[answer.status_code] += 1
        if answer.status_code == 201:
            if rng.randrange(LEFT_ALONE_EVERY):
                ended = await self._house.http.delete(answer.headers["Location"], headers=self._tokens[scope])
                if ended.status_code != 200:
                    self.wrong.append(f"DELETE {ended.status_code}")
        elif not is_problem(answer):
            self.wrong.append(f"{answer.status_code} {answer.text[:200]}")


def is_problem(answer: httpx.Response) -> bool:
    if answer.headers.get("Content-Type", "").partition(";")[0] != "application/problem+json":
        return False
    with suppress(json.JSONDecodeError):
        return 400 <= answer.status_code < 500 and answer.json()["status"] == answer.status_code
    return False


async def at_the_door(house: Premises, room_id: UUID, watcher: Watcher) -> dict[str, bool]:
    """What strangers try with a session, and with tokens that are not for it; and whether it was refused."""
    elsewhere = await house.stage.room(state="live")
    good = {scope: bearer(token(house, scope, room_id)) for scope in OFFERS}
    tokens = {
        "no token": {},
        "an expired token": {
            scope: bearer(token(house, scope, room_id, timedelta(minutes=-1))) for scope in OFFERS
        },
        "another room's token": {scope: bearer(token(house, scope, elsewhere)) for scope in OFFERS},
        "the other protocol's token": {"whip": good["whep"], "whep": good["whip"]},
        "a forged token": {scope: bearer(token(house, scope, room_id)[:-4] + "AAAA") for scope in OFFERS},
    }
    tries: dict[str, tuple[int, httpx.Request]] = {}
    request = house.http.build_request
    for what, by_scope in tokens.items():
        for scope, offers in OFFERS.items():
            headers = SDP | by_scope.get(scope, {})
            tries[f"{scope} with {what}"] = (
                401,
                request("POST", f"/{scope}/{room_id}", content=offers[0], headers=headers),
            )
        tries[f"DELETE with {what}"] = 401, request("DELETE", watcher.place, headers=by_scope.get("whep", {}))
    resource = watcher.place.rpartition("/")[2]
    tries["DELETE under the other protocol"] = (
        404,
        request("DELETE", f"/whip/{room_id}/{resource}", headers=good["whip"]),
    )
    tries["DELETE under another room"] = (
        404,
        request("DELETE", f"/whep/{elsewhere}/{resource}", headers=bearer(token(house, "whep", elsewhere))),
    )
    tries["DELETE of a guess"] = 404, request("DELETE", watcher.place[:-4] + "AAAA", headers=good["whep"])
    for scope, offers in OFFERS.items():
        headers, url = SDP | good[scope], f"/{scope}/{room_id}"
        large = offers[0] + "a=x\r\n" * 14_000
        speechless = offers[0].replace("opus", "speex").replace("VP8", "VP0").replace("H264", "H000")
        tries[f"{scope} of more than 64 KiB"] = 413, request("POST", url, content=large, headers=headers)
        tries[f"{scope} without a codec"] = 406, request("POST", url, content=speechless, headers=headers)
    refused = {}
    for what, (status, one) in tries.items():
        answer = await house.http.send(one)
        said = what if answer.status_code == status else f"{what}: {answer.status_code}"
        refused[said] = answer.status_code == status and is_problem(answer)
    return refused


# Datagrams


class Datagrams:
    """`answers` are what strangers were sent back."""

    def __init__(self, watcher: Watcher, seed: int) -> None:
        self._watcher = watcher
        self._rng = random.Random(seed)
        self.kinds: Counter[str] = Counter()
        self.answers: list[bytes] = []
        self.sent = 0

    async def send(self, count: int) -> None:
        remote = self._watcher.link.socket.getpeername()
        strangers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(STRANGERS)]
        for stranger in strangers:
            stranger.connect(remote)
            stranger.setblocking(False)
        for kind, datagram in self._made(count):
            own = self._rng.random() < 0.5
            self.kinds[f"{kind} {'own' if own else 'foreign'}"] += 1
            end = self._watcher.link.socket if own else self._rng.choice(strangers)
            with suppress(BlockingIOError):
                end.send(datagram)
                self.sent += 1
            if self.sent % BURST == 0:
                await asyncio.sleep(APART_S)
        await asyncio.sleep(0.5)
        for stranger in strangers:
            with suppress(OSError):
                while answer := stranger.recv(2048):
                    self.answers.append(answer)
            stranger.close()

    def _made(self, count: int) -> Iterator[tuple[str, bytes]]:
        """Noise, and mutations of what the viewer sent and heard. Never an authentic check: that one is the viewer's
        wherever it comes from (RFC 8445, 19.2)."""
        rng = self._rng
        originals = [*self._watcher.link.copies, *self._watcher.heard]
        by_kind: dict[str, list[bytes]] = {}
        for original in originals:
            by_kind.setdefault(kind_of(original), []).append(original)
        for number in range(count):
            if number % 5 == 0:
                yield "noise", rng.randbytes(rng.randint(1, 1400))
                continue
            kind = rng.choice(sorted(by_kind))
            original = rng.choice(by_kind[kind])
            made = mutated_bytes(rng, original)
            while kind == "STUN" and made[:-8] == original[:-8]:
                made = mutated_bytes(rng, original)
            yield kind, made


def kind_of(datagram: bytes) -> str:
    if datagram[0] < 4:
        return "STUN"
    if datagram[0] < 64:
        return "DTLS"
    return "SRTCP" if rtcp.is_rtcp(datagram) else "SRTP"
