"""Who gets a track. The packets of a frame go out together, which costs less than one by one and delays nothing: no
player shows a frame before its last packet."""

from __future__ import annotations

from live.media.fanout import Crowd, FanOut, Receiver

HOLD = 0.01  # seconds that a frame's first packets wait for its last
_MOST_HELD = 32  # packets: a keyframe leaves in several runs


class Audience:
    """Of one track: a crowd for each payload type."""

    def __init__(self, fan_out: FanOut) -> None:
        self._fan_out = fan_out
        self._crowds: dict[int, Crowd] = {}
        self._held: list[bytes] = []
        self._held_since = 0.0

    def add(self, receiver: Receiver, payload_type: int) -> None:
        """What is held isn't for who comes now: `release` first."""
        if payload_type not in self._crowds:
            self._crowds[payload_type] = self._fan_out.crowd()
        self._crowds[payload_type].add(receiver)

    def remove(self, receiver: Receiver) -> None:
        for payload_type, crowd in list(self._crowds.items()):
            crowd.discard(receiver)
            if not crowd:
                del self._crowds[payload_type]

    def clear(self) -> None:
        self.release()
        self._crowds.clear()

    def send(self, template: bytes) -> None:
        """At once."""
        self._send([template])

    def gather(self, template: bytes, now: float) -> None:
        """With the rest of its frame, or soon."""
        if not self._crowds:
            return
        if not self._held:
            self._held_since = now
        self._held.append(template)
        ends_frame = template[1] & 0x80
        if ends_frame or len(self._held) == _MOST_HELD:
            self.release()
        else:
            self.release_older(now)

    def release_older(self, now: float) -> None:
        if self._held and now - self._held_since >= HOLD:
            self.release()

    def release(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._send(held)

    def _send(self, templates: list[bytes]) -> None:
        for payload_type, crowd in self._crowds.items():
            self._fan_out.send(templates, crowd, payload_type)
