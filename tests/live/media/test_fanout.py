from __future__ import annotations

import socket

import pylibsrtp
import pytest

from live.media import rtp
from live.media.aiortc_private import LARGEST_DATAGRAM
from live.media.fanout import CffiFanOut, Receiver
from live.media.udp import UdpMux

TEMPLATE = rtp.template(rtp.Packet(0, True, 0, 0, 0, b"picture"), sequence=7, timestamp=9, ssrc=5)


class Player:
    """A viewer's socket and the receiving half of its SRTP session."""

    def __init__(self) -> None:
        key = bytes(range(30))
        policies = [
            pylibsrtp.Policy(key=key, ssrc_type=kind)
            for kind in (pylibsrtp.Policy.SSRC_ANY_OUTBOUND, pylibsrtp.Policy.SSRC_ANY_INBOUND)
        ]
        self.ours, self.theirs = (pylibsrtp.Session(policy) for policy in policies)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2)
        self.receiver = Receiver(self.ours._srtp[0], self.socket.getsockname())

    def got(self) -> rtp.Packet | None:
        return rtp.parse(self.theirs.unprotect(self.socket.recv(2048)))


@pytest.fixture
async def fan_out():
    mux = UdpMux.open("127.0.0.1", 0)
    yield CffiFanOut(mux)
    mux.close()


@pytest.fixture
def players():
    players = [Player() for _ in range(3)]
    yield players
    for player in players:
        player.socket.close()


async def test_each_viewer_gets_the_packet_under_its_own_number(fan_out, players):
    first, second, third = players
    fan_out.send(TEMPLATE, {96: [first.receiver, second.receiver], 103: [third.receiver]})
    assert [player.got().payload_type for player in players] == [96, 96, 103]
    assert (fan_out.sent, fan_out.lost) == (3, 0)


async def test_whole_packets_go_to_one_viewer_in_order(fan_out, players):
    packets = [rtp.addressed(TEMPLATE, 96), rtp.retransmission(TEMPLATE, payload_type=97, sequence=1, ssrc=6)]
    fan_out.send_to(packets, players[0].receiver)
    assert [players[0].got().payload_type for _ in packets] == [96, 97]


async def test_one_unreachable_viewer_disturbs_no_other(fan_out, players):
    gone, here, _ = players
    gone.receiver.address = ("0.0.0.256", 1)
    fan_out.send(TEMPLATE, {96: [gone.receiver, here.receiver]})
    assert here.got().payload == b"picture"
    assert (fan_out.sent, fan_out.lost) == (1, 1)


async def test_packets_too_long_for_a_datagram_are_not_sent(fan_out, players):
    fan_out.send(TEMPLATE + bytes(LARGEST_DATAGRAM), {96: [players[0].receiver]})
    fan_out.send_to([bytes(LARGEST_DATAGRAM + 1)], players[0].receiver)
    assert fan_out.sent == 0


async def test_moved_viewer_is_sent_to_its_new_address(fan_out, players):
    moved, new_home, _ = players
    moved.receiver.address = new_home.socket.getsockname()
    fan_out.send(TEMPLATE, {96: [moved.receiver]})
    assert new_home.got().payload == b"picture"
