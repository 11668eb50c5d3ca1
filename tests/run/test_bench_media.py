"""The media bench counts right, and what it measures is a real room, on a load that is over in a moment."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import time

import pytest

from live.media import rtcp, rtp
from live.media.aiortc_private import Certificate
from live.media.node import MediaNode
from scripts.benches import frame, media, media_limit
from scripts.benches.media import Round, Visit, Watched
from scripts.benches.media_clip import Picture, Programme
from scripts.benches.media_host import Host, Whip, next_keyframe
from scripts.benches.media_link import Link, Remote
from scripts.benches.media_servers import answer
from scripts.benches.media_viewers import Count, Crowd, FirstPicture, Stream, Viewer, payload_types

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("cc"), reason="the bench needs Linux and a C compiler"
)

FINGERPRINT = ":".join(["AB"] * 32)
OFFER = f"""v=0
o=- 17 1 IN IP4 127.0.0.1
s=Mountpoint 1
t=0 0
a=group:BUNDLE a v
a=fingerprint:sha-256 {FINGERPRINT}
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:a
a=rtcp-mux
a=ice-ufrag:cYsV
a=ice-pwd:Wh195C7aL9HfIYoYG9eyhY
a=setup:actpass
a=rtpmap:111 opus/48000/2
a=candidate:1 1 udp 2015363327 192.0.2.2 49181 typ host
m=video 9 UDP/TLS/RTP/SAVPF 96 97
a=mid:v
a=rtcp-mux
a=setup:actpass
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
"""
KEYFRAME, OTHER = b"\x65slice", b"\x41slice"


# Counting


def heard(*sequences: int) -> Stream:
    stream = Stream(ssrc=7, first=sequences[0])
    for sequence in sequences:
        stream.heard(sequence, ends_frame=False, size=100)
    return stream


def test_packets_in_order_are_counted_around_the_wrap_of_their_numbers() -> None:
    stream = heard(65534, 65535, 0, 1)
    assert stream.count == Count(received=4, octets=400)
    assert stream.highest == 65537


def test_what_is_missing_is_lost_until_it_comes() -> None:
    assert heard(10, 13).count.lost == 2
    assert heard(10, 13, 12).count == Count(received=3, lost=1, octets=300)


def test_a_repeat_is_no_packet_more() -> None:
    assert heard(10, 11, 10).count == Count(received=2, repeats=1, octets=200)


def test_loss_is_a_share_of_what_was_sent() -> None:
    assert Count(received=75, lost=25).loss == 0.25
    assert Count().loss == 0


def test_a_report_quotes_the_senders_and_pretends_the_way_to_it() -> None:
    stream = heard(5)
    assert stream.report(now=100.0).last_report == 0
    stream.told(rtcp.SenderReport(7, 0x1122334455667788, 0, 0, 0), now=100.0)
    block = stream.report(now=100.5)
    assert block.last_report == 0x33445566
    assert block.delay / 65536 == pytest.approx(0.48, abs=0.001)


def first_picture(*packets: tuple[int, int, bytes, bool]) -> list[bool]:
    first = FirstPicture()
    return [
        first.heard(rtp.Packet(96, marker, sequence, timestamp, 1, payload))
        for sequence, timestamp, payload, marker in packets
    ]


def test_the_first_picture_is_a_keyframe_with_all_its_packets() -> None:
    assert first_picture((1, 0, OTHER, True), (2, 3, KEYFRAME, False), (3, 3, OTHER, True)) == [
        *(False, False),
        True,
    ]


def test_a_keyframe_with_a_hole_is_no_first_picture() -> None:
    assert not any(first_picture((2, 3, KEYFRAME, False), (4, 3, OTHER, True)))


def test_the_host_goes_to_the_next_keyframe_around_the_films_end() -> None:
    film = tuple(Picture(keyframe, (b"",)) for keyframe in (True, False, True, False))
    assert [next_keyframe(film, place) for place in range(4)] == [0, 2, 2, 0]


# Signalling


def test_a_description_says_where_its_writer_is() -> None:
    remote = Remote.of(OFFER)
    assert (remote.ufrag, remote.password) == ("cYsV", "Wh195C7aL9HfIYoYG9eyhY")
    assert (remote.fingerprint.algorithm, remote.fingerprint.value) == ("sha-256", FINGERPRINT)
    assert remote.address == ("192.0.2.2", 49181)


def test_a_description_without_an_address_is_refused() -> None:
    with pytest.raises(ValueError, match="candidate"):
        Remote.of(OFFER.replace("a=candidate", "a=nothing"))


def test_retransmissions_are_no_stream_to_count() -> None:
    assert payload_types(OFFER) == {111: "audio", 96: "video"}


async def test_an_offer_is_answered_as_a_whole() -> None:
    link = Link(Certificate.generateCertificate(), lambda datagram: None)
    said = answer(OFFER, link, ("127.0.0.1", 4000)).splitlines()
    link.socket.close()
    assert [line for line in said if line.startswith("m=")] == [
        line for line in OFFER.splitlines() if line.startswith("m=")
    ]
    assert said.count("a=recvonly") == said.count("a=setup:active") == 2
    assert f"a=fingerprint:sha-256 {link.fingerprint}" in said
    assert "a=setup:actpass" not in said
    assert {"a=rtpmap:97 rtx/90000", "a=rtcp-fb:96 nack", "a=mid:v"} <= set(said)


# Figures


def watched(viewer_ms: float) -> Watched:
    count = Count(received=999, lost=1, frames=60, octets=325_000)
    return Watched(10, 2.0, viewer_ms * 10 * 2 / 1000, [count] * 10, others=0.01, client_load=0.2)


def visit(viewer_ms: float, first_picture_ms: list[float], *, accelerated: bool = False) -> Visit:
    return Visit(100.0, 90.0, 0.2, watched(viewer_ms), first_picture_ms, accelerated)


def a_round(accelerated_ms: float, first_picture_ms: list[float], *, accelerated: bool = True) -> Round:
    return Round(
        {
            "Janus": visit(4.0, [500.0]),
            "accelerated": visit(accelerated_ms, first_picture_ms, accelerated=accelerated),
            "plain": visit(2.0, [50.0]),
        },
        limit_ms=1.0,
    )


def test_a_window_tells_what_its_viewers_saw_and_cost() -> None:
    window = watched(2.0)
    assert window.viewer_ms == pytest.approx(2.0)
    assert window.viewers_per_core == pytest.approx(500)
    assert (window.fps, window.worst_fps, window.kbps) == (30, 30, 1300)
    assert window.total.loss == 0.001
    assert window.is_carried


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (media.percentile(values, 0.5), media.percentile(values, 0.95)) == (50, 95)
    assert media.percentile([7.0], 0.95) == 7


def test_the_report_sets_medians_beside_janus() -> None:
    rounds = [a_round(1.0, [10.0, 20.0]), a_round(1.25, [30.0]), a_round(5.0, [40.0])]
    report = media.report(rounds, "1.1.2")
    accelerated, plain = (report.metrics[f"viewers_per_core_{way}"] for way in ("accelerated", "plain"))
    assert (accelerated.value, accelerated.reference, accelerated.ratio) == (800, "Janus", 3.2)
    assert (plain.value, plain.ratio) == (500, 2.0)
    assert report.metrics["first_frame_ms_p95"].value == 40
    assert report.metrics["first_frame_ms_p95"].reference_value == 500
    assert report.metrics["joins_per_s"].value == 100
    shown = frame.table("media", report)
    assert "carries 1,000 viewers a core; accelerated reaches 80% of it, plain 50%" in shown
    assert "isn't built" not in shown


def test_a_missing_accelerator_is_told() -> None:
    report = media.report([a_round(2.0, [10.0], accelerated=False)], "1.1.2")
    assert report.notes[-1].startswith("The accelerator isn't built here")


def test_a_busy_core_is_seen() -> None:
    allowed, core = os.sched_getaffinity(0), frame.two_cores()[0]
    try:
        frame.pin(core)
        before, until = frame.busy_s(core), time.process_time() + 0.2
        while time.process_time() < until:
            pass
        assert frame.busy_s(core) - before > 0.1
    finally:
        os.sched_setaffinity(0, allowed)


# Real rooms


async def test_viewers_of_a_real_room_count_every_packet_and_get_what_they_ask_for_again() -> None:
    node, road = MediaNode(), Whip()
    await node.start()

    async def join(viewer: Viewer) -> None:
        said = (await node.play("room", viewer.offer)).answer
        viewer.learn(said)
        viewer.link.aim(Remote.of(said))

    await road.connect((await node.publish("room", road.offer)).answer)
    hosting = asyncio.create_task(Host(Programme.load(), road).play())
    crowd = Crowd(join)
    async with asyncio.timeout(20):
        await crowd.grow(3, at_once=3)
        await crowd.pictures()
        while not all(count.frames and count.repeats for count in crowd.counts()):
            await asyncio.sleep(0.05)
    hosting.cancel()
    await crowd.close()
    await node.stop()
    assert all(count.lost == 0 for count in crowd.counts())
    assert all(set(viewer.streams) == {"audio", "video"} for viewer in crowd.viewers)


async def test_the_c_loop_sends_what_a_picture_has_to_everybody() -> None:
    sinks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for sink in sinks:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(2)
    loop = media_limit.Loop(await media_limit.keyed(2), [sink.getsockname()[1] for sink in sinks])
    packets = media_limit.Stream(1, 96).packets([bytes(1111), bytes(1110), bytes(1110), bytes(20)], 0)
    loop.send(packets)
    assert loop.sent == 8
    for sink in sinks:
        sizes = [len(sink.recv(2048)) for _ in packets]
        assert sizes == [len(packet) + 16 for packet in packets]  # AES-GCM's tag
        sink.close()
