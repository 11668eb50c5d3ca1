"""A room's media as encoded frames, for recording and HLS: packets put together again, in order. Nothing is decoded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from live.media.aiortc_private import depayloaded
from live.media.offer import Kind
from live.media.rtp import HEADER_SIZE
from live.media.track import RING, Sent, SharedTrack
from live.media.video import starts_keyframe

MOST_OCTETS = 8 << 20  # 50 s at 1.3 Mbit/s
_OVERHEAD = 256  # octets that a frame takes besides its data
# Ticks of 0.1 s: lost video has been asked for five times by then; sound never is, it may only be late.
_PATIENCE: dict[Kind, int] = {"audio": 2, "video": 5}

_START_CODE = b"\0\0\0\1"
_SPS, _PPS = 7, 8
_SLICES = range(1, 6)


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, or one packet of sound. Those of a kind come in decoding order.

    `timestamp` is on the track's clock (`CLOCK_RATES`), without wraps, and rises from one host to the next.
    `captured_at` is the same in seconds since 1970, by the host's reports (before the first, by arrival): what the two
    kinds have in common. `data` is an Annex B access unit for H264, with its parameter sets in every keyframe; a whole
    VP8 frame; an Opus packet. `gap`: what came before is missing, or was another host's."""

    kind: Kind
    codec: str  # H264, VP8, opus
    timestamp: int
    captured_at: float
    keyframe: bool
    data: bytes
    gap: bool = False


class Assembler:
    """Of one track. It reads the track's ring, and holds no more than the frame that it is at. `on_loss` is called for
    each packet that was waited for in vain."""

    def __init__(self, track: SharedTrack, on_loss: Callable[[], None] = lambda: None) -> None:
        self._track, self._on_loss = track, on_loss
        self._next = track.next_index
        self._highest = deque([self._next], maxlen=_PATIENCE[track.kind])  # at the last ticks
        self._payloads: list[bytes] = []
        self._codec, self._timestamp = "", 0  # of these
        self._gap = False
        self._last: tuple[int, float] | None = None  # timestamp without wraps, and when
        self._parameters: dict[int, bytes] = {}

    def tick(self) -> None:
        """To be called every 100 ms, before `frames`."""
        self._highest.append(self._track.next_index)

    def frames(self, now: float, wall: float) -> Iterator[Frame]:
        """Those that have become whole. `now` and `wall` as in `SharedTrack.timestamp_at`."""
        track = self._track
        given_up = max(self._highest[0], track.next_index - RING)
        while self._next < track.next_index:
            sent = track.ring.get(self._next)
            if sent is None:
                if self._next >= given_up:
                    return
                self._tear()
                self._on_loss()
            elif self._next == track.began_at:
                self._tear()
                self._parameters.clear()
            self._next += 1
            if sent is not None:
                yield from self._add(sent, now, wall)

    def _tear(self) -> None:
        """The frame will never be whole, or the host will not go on with it."""
        self._payloads.clear()
        self._gap = True

    def _add(self, sent: Sent, now: float, wall: float) -> Iterator[Frame]:
        payload, timestamp = sent.template[HEADER_SIZE:], int.from_bytes(sent.template[4:8])
        if not payload:  # padding
            return
        if self._payloads and timestamp != self._timestamp:
            yield from self._end(now, wall)
        if len(self._payloads) == RING:
            self._tear()
        self._payloads.append(payload)
        self._codec, self._timestamp = sent.codec.name, timestamp
        if self._track.kind == "audio" or sent.template[1] & 0x80:
            yield from self._end(now, wall)

    def _end(self, now: float, wall: float) -> Iterator[Frame]:
        payloads, self._payloads = self._payloads, []
        try:
            data, keyframe = self._joined(payloads)
        except ValueError:
            self._gap = True
            return
        if data:
            timestamp = self._unwrapped(now)
            captured_at = wall - self._age(now, wall)
            yield Frame(self._track.kind, self._codec, timestamp, captured_at, keyframe, data, self._gap)
            self._gap = False

    def _joined(self, payloads: list[bytes]) -> tuple[bytes, bool]:
        """The frame, and whether it needs no other; empty when there is no picture in it. Raises ValueError when its
        beginning is missing, or it makes no sense."""
        if self._track.kind == "audio":
            return payloads[0], True
        keyframe = any(starts_keyframe(self._codec, payload) for payload in payloads)
        data = b"".join(depayloaded(self._codec, payload) for payload in payloads)
        if self._codec == "H264":
            return self._access_unit(data, keyframe), keyframe
        if payloads[0][0] & 0x17 != 0x10:  # RFC 7741: start of the first partition
            raise ValueError
        return data, keyframe

    def _access_unit(self, data: bytes, keyframe: bool) -> bytes:
        if not data.startswith(_START_CODE):
            raise ValueError
        units = [unit for unit in data.split(_START_CODE) if unit]
        kinds = [unit[0] & 31 for unit in units]
        self._parameters |= {
            kind: unit for kind, unit in zip(kinds, units, strict=True) if kind in (_SPS, _PPS)
        }
        first = next((unit for kind, unit in zip(kinds, units, strict=True) if kind in _SLICES), None)
        if first is None:
            return b""
        if not first[1:2] or not first[1] & 0x80:  # first_mb_in_slice isn't 0
            raise ValueError
        if not keyframe or {_SPS, _PPS} <= set(kinds):
            return data
        if len(self._parameters) < 2:
            raise ValueError
        rest = [unit for kind, unit in zip(kinds, units, strict=True) if kind not in (_SPS, _PPS)]
        return _START_CODE + _START_CODE.join([self._parameters[_SPS], self._parameters[_PPS], *rest])

    def _unwrapped(self, now: float) -> int:
        if self._last is None:
            timestamp = self._timestamp
        else:
            then, at = self._last
            expected = then + int((now - at) * self._track.clock_rate)
            timestamp = expected + _signed(self._timestamp - expected)
        self._last = timestamp, now
        return timestamp

    def _age(self, now: float, wall: float) -> float:
        present = self._track.timestamp_at(wall, now)
        return 0.0 if present is None else _signed(present - self._timestamp) / self._track.clock_rate


def _signed(ticks: int) -> int:
    """The difference of two 32-bit timestamps."""
    return (ticks + (1 << 31) & 0xFFFFFFFF) - (1 << 31)


class Tap:
    """Frames for one consumer: `async for`, from the next keyframe on. What it doesn't take in time is dropped by
    whole groups of pictures, oldest first."""

    def __init__(self, most_octets: int, want_keyframe: Callable[[], None]) -> None:
        self.dropped = 0  # frames that were not taken in time
        self._most, self._want_keyframe = most_octets, want_keyframe
        self._waiting: deque[Frame] = deque()
        self._octets = 0
        self._states: dict[Kind, Literal["flows", "broken"]] = {}
        self._more = asyncio.Event()
        self._ended = False

    def __aiter__(self) -> Tap:
        return self

    async def __anext__(self) -> Frame:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        return self._take()

    def put(self, frame: Frame) -> None:
        kind = frame.kind
        if frame.gap and kind in self._states:
            self._states[kind] = "broken"
        state = self._states.get(kind)
        if state != "flows" and not frame.keyframe:
            return
        self._states[kind] = "flows"
        self._waiting.append(replace(frame, gap=state == "broken") if state != "flows" else frame)
        self._octets += len(frame.data) + _OVERHEAD
        if self._octets > self._most:
            self._make_room()
        self._more.set()

    def end(self) -> None:
        """No more will come; what waits may still be taken."""
        self._ended = True
        self._more.set()

    def clear(self) -> None:
        self._waiting.clear()
        self._octets = 0

    def _take(self) -> Frame:
        frame = self._waiting.popleft()
        self._octets -= len(frame.data) + _OVERHEAD
        return frame

    def _make_room(self) -> None:
        torn: set[Kind] = set()
        while self._waiting and (self._octets > self._most or ("video" in torn and not self._starts_here())):
            torn.add(self._take().kind)
            self.dropped += 1
        for kind in torn:
            self._mark_gap(kind)

    def _starts_here(self) -> bool:
        first = self._waiting[0]
        return first.kind == "video" and first.keyframe

    def _mark_gap(self, kind: Kind) -> None:
        for number, frame in enumerate(self._waiting):
            if frame.kind == kind:
                self._waiting[number] = replace(frame, gap=True)
                return
        self._states[kind] = "broken"
        if kind == "video":
            self._want_keyframe()


class Taps:
    """Of one room. While `open` is empty nothing is to be called, and nothing is kept."""

    def __init__(
        self,
        tracks: Mapping[Kind, SharedTrack],
        want_keyframe: Callable[[], None],
        wall: Callable[[], float],
    ) -> None:
        self.open: set[Tap] = set()
        self._tracks, self._want_keyframe, self._wall = tracks, want_keyframe, wall
        self._assemblers: dict[Kind, Assembler] = {}

    @contextmanager
    def tap(self, most_octets: int) -> Iterator[Tap]:
        if not self.open:
            audio, video = self._tracks["audio"], self._tracks["video"]
            self._assemblers = {"audio": Assembler(audio), "video": Assembler(video, self._want_keyframe)}
        tap = Tap(most_octets, self._want_keyframe)
        self.open.add(tap)
        self._want_keyframe()
        try:
            yield tap
        finally:
            tap.end()
            tap.clear()
            self.open.discard(tap)
            if not self.open:
                self._assemblers.clear()

    def heard(self, kind: Kind, now: float) -> None:
        """The track has accepted a packet."""
        for frame in self._assemblers[kind].frames(now, self._wall()):
            for tap in self.open:
                tap.put(frame)

    def tick(self, now: float) -> None:
        """To be called every 100 ms."""
        for kind, assembler in self._assemblers.items():
            assembler.tick()
            self.heard(kind, now)

    def end(self) -> None:
        for tap in self.open:
            tap.end()
