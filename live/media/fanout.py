"""One packet to many viewers: protect and send, without decoding, encoding or an allocation for each.

`CffiFanOut` needs no compiler. A compiled accelerator takes its place by keeping the same two methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from live.media import rtp
from live.media.aiortc_private import LARGEST_DATAGRAM, Protector
from live.media.udp import Address, UdpMux


class Receiver:
    """Where a viewer's packets go: the sending half of its SRTP session, and its present address."""

    __slots__ = ("address", "srtp")

    def __init__(self, srtp: Any, address: Address) -> None:
        self.srtp, self.address = srtp, address


Audience = Mapping[int, Sequence[Receiver]]
"""Receivers by the payload type that they negotiated."""


class FanOut(Protocol):
    sent: int
    lost: int  # refused by SRTP or by the socket; to the viewer it is loss

    def send(self, template: bytes, audience: Audience) -> None:
        """A template of `rtp.template`, to everybody."""

    def send_to(self, packets: Iterable[bytes], receiver: Receiver) -> None:
        """Whole packets to one."""


class CffiFanOut:
    def __init__(self, mux: UdpMux) -> None:
        self.sent = self.lost = 0
        self._protector = Protector()
        self._sock = mux.sock

    def send(self, template: bytes, audience: Audience) -> None:
        if len(template) > LARGEST_DATAGRAM:
            return
        for payload_type, receivers in audience.items():
            self._send(rtp.addressed(template, payload_type), receivers)

    def send_to(self, packets: Iterable[bytes], receiver: Receiver) -> None:
        only = (receiver,)
        for packet in packets:
            if len(packet) <= LARGEST_DATAGRAM:
                self._send(packet, only)

    def _send(self, packet: bytes, receivers: Sequence[Receiver]) -> None:
        protect, data, buffer, length, views = self._protector.call
        sendto = self._sock.sendto
        size, lost = len(packet), 0
        for receiver in receivers:
            buffer[0:size] = packet
            length[0] = size
            if protect(receiver.srtp, data, length):
                lost += 1
                continue
            try:
                sendto(views[length[0]], receiver.address)
            except OSError:
                lost += 1
        self.sent += len(receivers) - lost
        self.lost += lost


def fan_out(mux: UdpMux) -> FanOut:
    """The fastest that this installation has."""
    return CffiFanOut(mux)
