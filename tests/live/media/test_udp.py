from __future__ import annotations

import asyncio
import random
import socket

import pytest
from aioice import stun

from live.media.udp import Candidate, UdpMux
from tests.live.media.junk import mutated_bytes

FIRST, SECOND = ("127.0.0.1", 41001), ("127.0.0.1", 41002)


@pytest.fixture
async def mux():
    mux = UdpMux.open("127.0.0.1", 0, idle_after=0.4)
    mux.sent = []
    mux.send = lambda datagram, address: mux.sent.append((bytes(datagram), address))
    yield mux
    mux.close()


@pytest.fixture
def agent(mux):
    heard = []
    agent = mux.agent("peer", heard.append)
    agent.got = heard
    return agent


def check(agent, *, nominate=False, credentials=None, password=None, role="ICE-CONTROLLING") -> bytes:
    used = credentials or agent.current
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{used.ufrag}:{used.remote_ufrag}"
    request.attributes[role] = 1
    if nominate:
        request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity((password or used.password).encode())
    return bytes(request)


def answer(mux) -> stun.Message:
    datagram, _ = mux.sent.pop()
    return stun.parse_message(datagram)


async def test_authentic_check_connects_and_is_answered_with_the_address_it_came_from(mux, agent):
    mux.received(check(agent), FIRST)
    reply = answer(mux)
    assert reply.message_class == stun.Class.RESPONSE
    assert reply.attributes["XOR-MAPPED-ADDRESS"] == FIRST
    assert reply.check_message_integrity(agent.current.password.encode())
    assert agent.connected.is_set()
    assert agent.address == FIRST


async def test_datagrams_reach_the_peer_whose_address_they_come_from(mux, agent):
    other_heard: list[bytes] = []
    other = mux.agent("someone", other_heard.append)
    mux.received(check(agent), FIRST)
    mux.received(check(other), SECOND)
    mux.received(b"\x80 one", FIRST)
    mux.received(b"\x80 two", SECOND)
    mux.received(b"\x80 three", ("127.0.0.1", 41003))
    assert (agent.got, other_heard) == ([b"\x80 one"], [b"\x80 two"])
    assert mux.counters.unknown == 1


async def test_check_with_a_wrong_password_is_dropped_in_silence(mux, agent):
    mux.received(check(agent, password="wrong"), FIRST)
    mux.received(check(agent, credentials=agent.current._replace(remote_ufrag="thief")), FIRST)
    assert mux.sent == []
    assert agent.address is None
    assert mux.counters.refused == 2
    mux.received(b"\x80 media", FIRST)
    assert agent.got == []


async def test_address_changes_only_with_a_nomination(mux, agent):
    mux.received(check(agent), FIRST)
    mux.received(check(agent), SECOND)
    assert agent.address == FIRST
    moves = []
    agent.on_address = moves.append
    mux.received(check(agent, nominate=True), SECOND)
    assert agent.address == SECOND
    assert moves == [SECOND]


async def test_forged_nomination_moves_nobody(mux, agent):
    mux.received(check(agent), FIRST)
    mux.received(check(agent, nominate=True, password="wrong"), SECOND)
    assert agent.address == FIRST


async def test_peer_that_claims_our_role_is_told_so(mux, agent):
    mux.received(check(agent, role="ICE-CONTROLLED"), FIRST)
    assert answer(mux).attributes["ERROR-CODE"][0] == 487
    assert agent.address is None


async def test_restart_takes_effect_with_the_first_check_under_the_new_name(mux, agent):
    old = agent.current
    mux.received(check(agent), FIRST)
    fresh = agent.restart("peer2")
    assert fresh.ufrag != old.ufrag
    mux.received(check(agent, credentials=old), FIRST)
    assert answer(mux).message_class == stun.Class.RESPONSE
    mux.received(check(agent, nominate=True), SECOND)
    assert agent.address == SECOND
    mux.sent.clear()
    mux.received(check(agent, credentials=old), FIRST)
    assert mux.sent == []
    assert len(mux.by_ufrag) == 1


async def test_a_peer_keeps_a_bounded_number_of_addresses(mux, agent):
    for port in range(42_000, 42_100):
        mux.received(check(agent), ("127.0.0.1", port))
    assert len(mux.by_address) == 16
    assert mux.by_address[("127.0.0.1", 42_000)] is agent


async def test_closed_peer_leaves_nothing_behind(mux, agent):
    agent.restart("peer2")
    for address in (FIRST, SECOND):
        mux.received(check(agent), address)
    agent.close()
    agent.close()
    assert (mux.by_ufrag, mux.by_address, agent.address) == ({}, {}, None)
    mux.sent.clear()
    mux.received(check(agent), FIRST)
    assert mux.sent == []


async def test_silent_peer_is_reported_idle(mux, agent):
    idle = asyncio.Event()
    agent.on_idle = idle.set
    async with asyncio.timeout(3):
        await idle.wait()


async def test_peer_that_keeps_checking_is_not_idle(mux, agent):
    idle = asyncio.Event()
    agent.on_idle = idle.set
    for _ in range(6):
        mux.received(check(agent), FIRST)
        await asyncio.sleep(0.1)
    assert not idle.is_set()


async def test_mutated_checks_and_junk_get_no_answer_and_raise_nothing(mux, agent):
    rng = random.Random(7)
    original = check(agent, nominate=True)
    for _ in range(4000):
        data = mutated_bytes(rng, original)
        signed = data[:-8] == original[:-8]  # all but the check sum that follows the signature
        if not signed:
            mux.received(data, SECOND)
    for _ in range(4000):
        mux.received(rng.randbytes(rng.randint(1, 200)), SECOND)
    assert mux.sent == []
    assert agent.address is None
    assert agent.got == []


async def test_real_socket_answers_a_real_check():
    mux = UdpMux.open("127.0.0.1", 0)
    agent = mux.agent("peer", lambda datagram: None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.bind(("127.0.0.1", 0))
        client.sendto(b"", ("127.0.0.1", mux.port))
        client.sendto(check(agent), ("127.0.0.1", mux.port))
        async with asyncio.timeout(3):
            data = await asyncio.get_running_loop().sock_recv(client, 2048)
        assert stun.parse_message(data).attributes["XOR-MAPPED-ADDRESS"] == client.getsockname()
    mux.close()


async def test_ipv6_wildcard_serves_both_families_and_names_ipv4_plainly():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        mux = UdpMux.open("::", 0, ["192.0.2.7", "2001:db8::7"])
    except OSError:
        pytest.skip("no IPv6 here")
    agent = mux.agent("peer", lambda datagram: None)
    assert [candidate.address for candidate in mux.candidates] == ["192.0.2.7", "2001:db8::7"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.bind(("127.0.0.1", 0))
        client.sendto(check(agent), ("127.0.0.1", mux.port))
        async with asyncio.timeout(3):
            data = await asyncio.get_running_loop().sock_recv(client, 2048)
        assert stun.parse_message(data).attributes["XOR-MAPPED-ADDRESS"] == client.getsockname()
    mux.close()


async def test_every_announced_address_is_a_candidate_the_first_preferred():
    mux = UdpMux.open("127.0.0.1", 0, ["198.51.100.1", "10.0.0.5"])
    assert mux.candidates == [
        Candidate("198.51.100.1", mux.port, 2130706431),
        Candidate("10.0.0.5", mux.port, 2130706175),
    ]
    mux.close()


async def test_bound_address_is_announced_by_default():
    mux = UdpMux.open("127.0.0.1", 0)
    assert [candidate.address for candidate in mux.candidates] == ["127.0.0.1"]
    mux.close()


async def test_a_taken_port_is_an_error_and_leaks_no_socket():
    mux = UdpMux.open("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        UdpMux.open("127.0.0.1", mux.port)
    mux.close()


async def test_unreachable_peer_is_counted_and_harms_nobody():
    mux = UdpMux.open("127.0.0.1", 0)
    mux.send(b"x" * 70_000, FIRST)
    assert mux.counters.unsent == 1
    mux.close()
