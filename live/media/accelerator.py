"""The compiled fan-out: `accelerator.c`, where this installation could build it (`scripts/hatch_build.py`)."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cffi

from live.media import aiortc_private
from live.media.aiortc_private import LARGEST_DATAGRAM
from live.media.udp import Address, UdpMux

LIBRARY = Path(__file__).with_name("_accelerator.so")
VERSION = 1

_ffi = cffi.FFI()
_ffi.cdef("""
    typedef struct { void *srtp; uint8_t address[32]; uint32_t address_length; uint32_t whole; } receiver;
    typedef struct sender sender;
    int accelerator_version(void);
    int sender_size(void);
    void sender_open(sender *s, void *protect, int fd);
    uint64_t sender_sent(const sender *s);
    uint64_t sender_lost(const sender *s);
    int receiver_aim(receiver *r, int v6, const char *host, int port, unsigned int scope);
    void sender_send(sender *s, receiver **receivers, int receiver_count, const uint8_t *packets,
                     const int *lengths, int packet_count, int payload_type);
""")


class NotBuilt(Exception):
    """Says in words why there is no accelerator here."""


@cache
def library() -> Any:
    """The loaded library. Raises NotBuilt."""
    try:
        loaded = _ffi.dlopen(str(LIBRARY))
        version = loaded.accelerator_version()
    except (OSError, AttributeError) as error:
        raise NotBuilt("it was not built: install a C compiler, then showfloor again") from error
    if version != VERSION:
        raise NotBuilt("it was built from another version: install showfloor again")
    return loaded


class AcceleratedReceiver:
    def __init__(self, accelerator: Any, v6: bool, srtp: Any, address: Address) -> None:
        self.pointer = _ffi.new("receiver *")
        self.pointer.srtp = _ffi.cast("void *", aiortc_private.address_of(srtp))
        self.alone = _ffi.new("receiver *[]", [self.pointer])
        self._accelerator, self._v6 = accelerator, v6
        self.move(address)

    def move(self, address: Address) -> None:
        scope = address[3] if len(address) == 4 else 0
        self._accelerator.receiver_aim(self.pointer, self._v6, address[0].encode(), address[1], scope)


class AcceleratedCrowd:
    """The receivers' addresses in memory without gaps, as the library walks through them."""

    def __init__(self) -> None:
        self._receivers: list[AcceleratedReceiver] = []
        self._places: dict[AcceleratedReceiver, int] = {}
        self.pointers = _ffi.new("receiver *[]", 16)

    def __len__(self) -> int:
        return len(self._receivers)

    def add(self, receiver: AcceleratedReceiver) -> None:
        if receiver in self._places:
            return
        place = len(self._receivers)
        if place == len(self.pointers):
            larger = _ffi.new("receiver *[]", 2 * place)
            larger[0:place] = self.pointers[0:place]
            self.pointers = larger
        self._receivers.append(receiver)
        self._places[receiver] = place
        self.pointers[place] = receiver.pointer

    def discard(self, receiver: AcceleratedReceiver) -> None:
        place = self._places.pop(receiver, None)
        if place is None:
            return
        last = self._receivers.pop()
        if last is not receiver:
            self._receivers[place] = last
            self._places[last] = place
            self.pointers[place] = last.pointer


class AcceleratedFanOut:
    """Raises NotBuilt."""

    accelerated = True

    def __init__(self, mux: UdpMux) -> None:
        self._library = library()
        self._v6 = mux.sock.family == socket.AF_INET6
        self._memory = _ffi.new("uint8_t[]", self._library.sender_size())
        self._sender = _ffi.cast("sender *", self._memory)
        protect = _ffi.cast("void *", aiortc_private.srtp_protect_address())
        self._library.sender_open(self._sender, protect, mux.sock.fileno())

    @property
    def sent(self) -> int:
        return int(self._library.sender_sent(self._sender))

    @property
    def lost(self) -> int:
        return int(self._library.sender_lost(self._sender))

    def receiver(self, srtp: Any, address: Address) -> AcceleratedReceiver:
        return AcceleratedReceiver(self._library, self._v6, srtp, address)

    def crowd(self) -> AcceleratedCrowd:
        return AcceleratedCrowd()

    def send(self, templates: Sequence[bytes], crowd: AcceleratedCrowd, payload_type: int) -> None:
        self._send(templates, crowd.pointers, len(crowd), payload_type)

    def send_to(self, packets: Sequence[bytes], receiver: AcceleratedReceiver) -> None:
        if packets:
            self._send(packets, receiver.alone, 1, 0)

    def _send(self, packets: Sequence[bytes], pointers: Any, count: int, payload_type: int) -> None:
        fitting = [packet for packet in packets if len(packet) <= LARGEST_DATAGRAM]
        self._library.sender_send(
            self._sender,
            pointers,
            count,
            b"".join(fitting),
            _ffi.new("int[]", list(map(len, fitting))),
            len(fitting),
            payload_type,
        )
