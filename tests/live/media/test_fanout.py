"""What every way to fan out promises."""

from __future__ import annotations

import shutil
import socket
from types import SimpleNamespace

import pylibsrtp
import pytest

from live.media import accelerator, fanout, rtp
from live.media.aiortc_private import LARGEST_DATAGRAM
from live.media.fanout import CffiFanOut
from live.media.udp import UdpMux


def template(sequence: int = 7, payload: bytes = b"picture") -> bytes:
    packet = rtp.Packet(0, True, 0, 0, 0, payload)
    return rtp.template(packet, sequence=sequence, timestamp=9, ssrc=5)


TEMPLATE = template()


class Player:
    """A viewer's socket and the receiving half of its SRTP session."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        key = bytes(range(30))
        policies = [
            pylibsrtp.Policy(key=key, ssrc_type=kind)
            for kind in (pylibsrtp.Policy.SSRC_ANY_OUTBOUND, pylibsrtp.Policy.SSRC_ANY_INBOUND)
        ]
        self.ours, self.theirs = (pylibsrtp.Session(policy) for policy in policies)
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        self.socket.settimeout(2)

    @property
    def address(self):
        return self.socket.getsockname()

    def receiver(self, fan_out, address=None):
        return fan_out.receiver(self.ours._srtp[0], address or self.address)

    def got(self) -> rtp.Packet | None:
        return rtp.parse(self.theirs.unprotect(self.socket.recv(2048)))


def crowd(fan_out, *receivers):
    gathered = fan_out.crowd()
    for receiver in receivers:
        gathered.add(receiver)
    return gathered


@pytest.fixture
async def mux():
    mux = UdpMux.open("127.0.0.1", 0)
    yield mux
    mux.close()


@pytest.fixture(params=["plain", "accelerated"])
async def fan_out(request, mux):
    accelerate = request.param == "accelerated"
    if accelerate and not shutil.which("cc"):
        pytest.skip("needs a C compiler, before showfloor is installed")
    made = fanout.fan_out(mux, accelerate=accelerate)
    assert made.accelerated == accelerate
    return made


@pytest.fixture
def players():
    players = [Player() for _ in range(3)]
    yield players
    for player in players:
        player.socket.close()


async def test_each_viewer_gets_the_packet_under_its_crowds_number(fan_out, players):
    first, second, third = (player.receiver(fan_out) for player in players)
    fan_out.send([TEMPLATE], crowd(fan_out, first, second), 96)
    fan_out.send([TEMPLATE], crowd(fan_out, third), 103)
    assert [player.got().payload_type for player in players] == [96, 96, 103]
    assert (fan_out.sent, fan_out.lost) == (3, 0)


@pytest.mark.parametrize(
    "sizes",
    [[1000] * 5, [1000, 1000, 400], [400, 1000, 1000], [900, 901, 901, 902, 30], [1200] * 150, [1, 1400, 1]],
    ids=str,
)
async def test_a_frames_packets_arrive_whole_and_in_order_at_everybody(fan_out, players, sizes):
    run = [template(number, bytes([number]) * size) for number, size in enumerate(sizes)]
    for player in players:
        player.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    fan_out.send(run, crowd(fan_out, *(player.receiver(fan_out) for player in players)), 96)
    for player in players:
        got = [player.got() for _ in run]
        assert [(packet.sequence, packet.payload) for packet in got] == [
            (number, bytes([number]) * size) for number, size in enumerate(sizes)
        ]
    assert (fan_out.sent, fan_out.lost) == (3 * len(sizes), 0)


async def test_a_crowd_larger_than_one_batch_is_served_whole(fan_out):
    player = Player()
    player.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sessions = [Player() for _ in range(300)]
    run = [template(number, bytes(700)) for number in range(2)]
    fan_out.send(run, crowd(fan_out, *(one.receiver(fan_out, player.address) for one in sessions)), 96)
    assert (fan_out.sent, fan_out.lost) == (600, 0)
    for _ in range(600):
        assert len(player.socket.recv(2048)) == 12 + 700 + 10
    for one in [player, *sessions]:
        one.socket.close()


async def test_whole_packets_go_to_one_viewer_in_order(fan_out, players):
    packets = [rtp.addressed(TEMPLATE, 96), rtp.retransmission(TEMPLATE, payload_type=97, sequence=1, ssrc=6)]
    fan_out.send_to(packets, players[0].receiver(fan_out))
    assert [players[0].got().payload_type for _ in packets] == [96, 97]


@pytest.mark.parametrize("address", [("0.0.0.256", 1), ("255.255.255.255", 9)], ids=["no address", "refused"])
async def test_one_unreachable_viewer_disturbs_no_other(fan_out, players, address):
    gone, here, _ = players
    run = [template(1), template(2)]
    fan_out.send(run, crowd(fan_out, gone.receiver(fan_out, address), here.receiver(fan_out)), 96)
    assert [here.got().payload for _ in run] == [b"picture"] * 2
    assert (fan_out.sent, fan_out.lost) == (2, 2)


async def test_packets_too_long_for_a_datagram_are_not_sent(fan_out, players):
    receiver = players[0].receiver(fan_out)
    fan_out.send([TEMPLATE + bytes(LARGEST_DATAGRAM)], crowd(fan_out, receiver), 96)
    fan_out.send_to([bytes(LARGEST_DATAGRAM + 1)], receiver)
    assert fan_out.sent == 0


async def test_moved_viewer_is_sent_to_its_new_address(fan_out, players):
    moved, new_home, _ = players
    receiver = moved.receiver(fan_out)
    receiver.move(new_home.address)
    fan_out.send([TEMPLATE], crowd(fan_out, receiver), 96)
    assert new_home.got().payload == b"picture"


async def test_who_leaves_a_crowd_gets_nothing_more_and_the_others_everything(fan_out, players):
    receivers = [player.receiver(fan_out) for player in players]
    gathered = crowd(fan_out, *receivers, receivers[0])
    for leaving in (receivers[0], receivers[0]):
        gathered.discard(leaving)
    assert len(gathered) == 2
    fan_out.send([TEMPLATE], gathered, 96)
    assert [player.got().payload for player in players[1:]] == [b"picture"] * 2
    gathered.discard(receivers[2])
    gathered.discard(receivers[1])
    assert not gathered
    assert fan_out.sent == 2


@pytest.mark.parametrize("accelerate", [False, True])
async def test_ipv4_viewer_of_an_ipv6_socket_is_reached(players, accelerate):
    mux = UdpMux.open("::", 0)
    fan_out = fanout.fan_out(mux, accelerate=accelerate)
    receiver = players[0].receiver(fan_out, (f"::ffff:{players[0].address[0]}", players[0].address[1], 0, 0))
    six = Player(socket.AF_INET6)
    fan_out.send([TEMPLATE], crowd(fan_out, receiver, six.receiver(fan_out)), 96)
    assert players[0].got().payload == six.got().payload == b"picture"
    six.socket.close()
    mux.close()


async def test_where_nothing_was_built_the_plain_way_serves(mux, monkeypatch, tmp_path):
    accelerator.library.cache_clear()
    monkeypatch.setattr(accelerator, "LIBRARY", tmp_path / "missing.so")
    try:
        assert isinstance(fanout.fan_out(mux), CffiFanOut)
        with pytest.raises(accelerator.NotBuilt, match="C compiler"):
            accelerator.library()
    finally:
        accelerator.library.cache_clear()


async def test_a_library_of_another_version_is_not_used(mux, monkeypatch):
    stale = SimpleNamespace(accelerator_version=lambda: accelerator.VERSION - 1)
    accelerator.library.cache_clear()
    monkeypatch.setattr(accelerator._ffi, "dlopen", lambda path: stale)
    try:
        assert isinstance(fanout.fan_out(mux), CffiFanOut)
    finally:
        accelerator.library.cache_clear()
