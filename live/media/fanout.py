"""Packets to many viewers: protect and send, without decoding, encoding or an allocation for each.

`CffiFanOut` needs no compiler; `accelerator.AcceleratedFanOut` takes its place where it could be built.
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from live.media import rtp
from live.media.accelerator import AcceleratedFanOut, NotBuilt
from live.media.aiortc_private import LARGEST_DATAGRAM, Protector
from live.media.udp import Address, UdpMux

_PATIENCE = 0.02  # seconds that one call waits for a full socket


class Receiver(Protocol):
    """Where a viewer's packets go: the sending half of its SRTP session, and its present address."""

    def move(self, address: Address) -> None: ...


class Crowd(Protocol):
    """Receivers that negotiated one payload type."""

    def __len__(self) -> int: ...

    def add(self, receiver: Any) -> None: ...

    def discard(self, receiver: Any) -> None: ...


class FanOut(Protocol):
    """Receivers and crowds are of the fan-out that made them."""

    accelerated: bool

    @property
    def sent(self) -> int:
        """Packets."""

    @property
    def lost(self) -> int:
        """Packets refused by SRTP or by the socket; to the viewer it is loss."""

    def receiver(self, srtp: Any, address: Address) -> Receiver: ...

    def crowd(self) -> Crowd: ...

    def send(self, templates: Sequence[bytes], crowd: Any, payload_type: int) -> None:
        """Templates of `rtp.template`, in order, to each of the crowd."""

    def send_to(self, packets: Sequence[bytes], receiver: Any) -> None:
        """Whole packets to one."""


class CffiReceiver:
    __slots__ = ("address", "srtp")

    def __init__(self, srtp: Any, address: Address) -> None:
        self.srtp, self.address = srtp, address

    def move(self, address: Address) -> None:
        self.address = address


class CffiCrowd(dict[CffiReceiver, None]):
    def add(self, receiver: CffiReceiver) -> None:
        self[receiver] = None

    def discard(self, receiver: CffiReceiver) -> None:
        self.pop(receiver, None)


class CffiFanOut:
    accelerated = False

    def __init__(self, mux: UdpMux) -> None:
        self.sent = self.lost = 0
        self._protector = Protector()
        self._sock = mux.sock
        self._patience = 0.0

    def receiver(self, srtp: Any, address: Address) -> CffiReceiver:
        return CffiReceiver(srtp, address)

    def crowd(self) -> CffiCrowd:
        return CffiCrowd()

    def send(self, templates: Sequence[bytes], crowd: CffiCrowd, payload_type: int) -> None:
        self._send([rtp.addressed(template, payload_type) for template in templates], crowd)

    def send_to(self, packets: Sequence[bytes], receiver: CffiReceiver) -> None:
        self._send(packets, (receiver,))

    def _send(self, packets: Sequence[bytes], receivers: Sequence[CffiReceiver] | CffiCrowd) -> None:
        protect, data, buffer, length, views = self._protector.call
        sendto = self._sock.sendto
        sized = [(packet, len(packet)) for packet in packets if len(packet) <= LARGEST_DATAGRAM]
        self._patience = _PATIENCE
        lost = 0
        for receiver in receivers:
            srtp, address = receiver.srtp, receiver.address
            for packet, size in sized:
                buffer[0:size] = packet
                length[0] = size
                if protect(srtp, data, length):
                    lost += 1
                    continue
                try:
                    sendto(views[length[0]], address)
                except BlockingIOError:
                    lost += not self._insist(views[length[0]], address)
                except OSError:
                    lost += 1
        self.sent += len(sized) * len(receivers) - lost
        self.lost += lost

    def _insist(self, datagram: memoryview, address: Address) -> bool:
        """The socket's buffer is full: waits for room, as long as the patience of this call lasts."""
        while self._patience > 0:
            before = time.monotonic()
            select.select((), (self._sock,), (), self._patience)
            self._patience -= (
                time.monotonic() - before + 0.001
            )  # ends it for a socket that is ready and full, too
            try:
                self._sock.sendto(datagram, address)
            except BlockingIOError:
                continue
            except OSError:
                return False
            return True
        return False


def fan_out(mux: UdpMux, *, accelerate: bool = True) -> FanOut:
    """The fastest that this installation has."""
    if accelerate:
        with suppress(NotBuilt):
            return AcceleratedFanOut(mux)
    return CffiFanOut(mux)
