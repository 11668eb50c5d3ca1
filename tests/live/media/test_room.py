"""The room's rules with a host and viewers that are packets only: no sockets, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from live.media import ingest, offer, playback, rtcp, rtp
from live.media.audience import HOLD
from live.media.ingest import Ingest
from live.media.playback import Viewer
from live.media.room import KEYFRAME_REQUESTS_EVERY, MediaRoom
from tests.live.media.offers import BROWSER_OFFER, ENCODER_OFFER, PLAYER_OFFER
from tests.live.media.test_track import Host

H264_KEY, H264_DELTA = b"\x67\x42\x00\x1f", b"\x61\x01\x02"
VIDEO_SSRC = 3866558358


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeMux:
    clock: Clock


@dataclass
class FakeAgent:
    mux: FakeMux
    address: tuple[str, int] = ("192.0.2.9", 9)
    on_address: object = None


@dataclass
class FakeDtls:
    srtp: object = None


class FakePeer:
    """Takes what a peer would send out, and lets a test speak for the remote end."""

    def __init__(self, clock: Clock) -> None:
        self.agent, self.dtls = FakeAgent(FakeMux(clock)), FakeDtls()
        self.out: list[rtcp.Message] = []
        self.on_rtp = self.on_rtcp = lambda *_: None

    def send_rtcp(self, compound: bytes) -> None:
        self.out += rtcp.parse(compound)

    def of(self, kind: type) -> list:
        return [message for message in self.out if isinstance(message, kind)]


class FakeReceiver:
    def move(self, address) -> None: ...


class FakeCrowd(dict):
    def add(self, receiver) -> None:
        self[receiver] = None

    def discard(self, receiver) -> None:
        self.pop(receiver, None)


@dataclass
class FakeFanOut:
    sent: int = 0
    lost: int = 0
    accelerated: bool = False
    delivered: dict = field(default_factory=dict)
    runs: list = field(default_factory=list)

    def receiver(self, srtp, address):
        return FakeReceiver()

    def crowd(self):
        return FakeCrowd()

    def send(self, templates, crowd, payload_type):
        self.runs.append(len(templates))
        for receiver in crowd:
            self.send_to([rtp.addressed(template, payload_type) for template in templates], receiver)

    def send_to(self, packets, receiver):
        self.delivered.setdefault(receiver, []).extend(map(rtp.parse, packets))


class Scene:
    def __init__(self) -> None:
        self.clock, self.fan_out, self.states = Clock(), FakeFanOut(), []
        self.room = MediaRoom(
            "r",
            self.fan_out,
            lambda room_id, state: self.states.append(state),
            self.clock,
            lambda: 1_700_000_000.0,
        )
        self.hosts = []

    def host(self, sdp: str = BROWSER_OFFER) -> tuple[Ingest, FakePeer]:
        peer = FakePeer(self.clock)
        host = Ingest(peer, ingest.negotiate(offer.parse(sdp)), self.room, lambda: 1_700_000_000.0)
        return host, peer

    def viewer(self) -> Viewer:
        peer = FakePeer(self.clock)
        plan = playback.negotiate(offer.parse(PLAYER_OFFER), self.room.tracks)
        viewer = Viewer(peer, plan, self.room.tracks, self.fan_out, self.room.want_keyframe)
        self.room.join(viewer)
        return viewer

    def got(self, viewer: Viewer) -> list[rtp.Packet]:
        return self.fan_out.delivered.get(viewer.receiver, [])

    def after(self, seconds: float) -> None:
        self.clock.now += seconds
        self.room.tick(self.clock.now)


@pytest.fixture
def scene():
    return Scene()


def video(
    source: Host, payload: bytes = H264_DELTA, *, payload_type: int = 108, ssrc: int = VIDEO_SSRC
) -> bytes:
    packet = source.packet(payload)
    return rtp.addressed(
        rtp.template(packet, sequence=packet.sequence, timestamp=packet.timestamp, ssrc=ssrc), payload_type
    )


def sound(source: Host, payload_type: int = 111) -> bytes:
    return video(source, b"sound", payload_type=payload_type, ssrc=957855872)


def test_packets_reach_every_viewer_from_a_keyframe_on(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    viewers = [scene.viewer() for _ in range(3)]
    peer.on_rtp(video(source, H264_DELTA), scene.clock())
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    peer.on_rtp(video(source, H264_DELTA), scene.clock())
    for viewer in viewers:
        assert [packet.payload for packet in scene.got(viewer)] == [H264_KEY, H264_DELTA]
        assert {packet.ssrc for packet in scene.got(viewer)} == {scene.room.tracks["video"].ssrc}
    assert scene.states == ["playing"]


def begun(source: Host, payload: bytes = H264_DELTA, *, frame: bool = True) -> bytes:
    """Not the last packet of its frame."""
    packet = source.packet(payload, frame=frame)
    template = rtp.template(
        packet._replace(marker=False), sequence=packet.sequence, timestamp=packet.timestamp, ssrc=VIDEO_SSRC
    )
    return rtp.addressed(template, 108)


def ended(source: Host) -> bytes:
    packet = source.packet(H264_DELTA, frame=False)
    template = rtp.template(packet, sequence=packet.sequence, timestamp=packet.timestamp, ssrc=VIDEO_SSRC)
    return rtp.addressed(template, 108)


def test_packets_of_a_frame_go_out_together(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    viewer = scene.viewer()
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    for datagram in (begun(source), begun(source, frame=False), ended(source)):
        peer.on_rtp(datagram, scene.clock())
    assert scene.fan_out.runs == [1, 3]
    sequences = [packet.sequence for packet in scene.got(viewer)]
    assert sequences == list(range(sequences[0], sequences[0] + 4))


@pytest.mark.parametrize("next_comes", ["sound", "tick", "video"])
def test_a_frame_whose_end_is_late_is_not_waited_for(scene, next_comes):
    (host, peer), source, voice = scene.host(), Host(), Host()
    scene.room.take_over(host)
    viewer = scene.viewer()
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    peer.on_rtp(begun(source), scene.clock())
    assert len(scene.got(viewer)) == 1
    scene.clock.now += 1.5 * HOLD
    if next_comes == "sound":
        peer.on_rtp(sound(voice), scene.clock())
    elif next_comes == "video":
        peer.on_rtp(begun(source, frame=False), scene.clock())
    else:
        scene.room.tick(scene.clock.now)
    pictures = [packet for packet in scene.got(viewer) if packet.payload_type != 111]
    assert len(pictures) == 2 + (next_comes == "video")


def test_joiner_in_the_middle_of_a_frame_gets_each_packet_once(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    early = scene.viewer()
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    peer.on_rtp(begun(source), scene.clock())
    late = scene.viewer()
    peer.on_rtp(ended(source), scene.clock())
    for viewer in (early, late):
        sequences = [packet.sequence for packet in scene.got(viewer)]
        assert sequences == list(range(sequences[0], sequences[0] + 3))


def test_large_frame_leaves_in_several_runs(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    scene.viewer()
    peer.on_rtp(begun(source, H264_KEY), scene.clock())
    for _ in range(70):
        peer.on_rtp(begun(source, frame=False), scene.clock())
    peer.on_rtp(ended(source), scene.clock())
    assert sum(scene.fan_out.runs) == 72
    assert max(scene.fan_out.runs) < 72


def test_joiner_after_a_new_keyframe_sees_it_at_once_and_the_host_is_not_asked(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    peer.on_rtp(video(source), scene.clock())
    asked = len(peer.of(rtcp.KeyframeRequest))
    late = scene.viewer()
    peer.on_rtp(video(source), scene.clock())
    assert [packet.payload for packet in scene.got(late)] == [H264_KEY, H264_DELTA, H264_DELTA]
    sequences = [packet.sequence for packet in scene.got(late)]
    assert sequences == [sequences[0], sequences[0] + 1, sequences[0] + 2]
    assert len(peer.of(rtcp.KeyframeRequest)) == asked


def test_a_crowd_of_joiners_and_complaints_costs_two_keyframes_a_second(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    scene.after(5)
    peer.out.clear()
    for _ in range(30):
        viewer = scene.viewer()
        viewer.peer.on_rtcp(rtcp.picture_loss(1, scene.room.tracks["video"].ssrc))
        scene.after(KEYFRAME_REQUESTS_EVERY / 10)
    assert 3 <= len(peer.of(rtcp.KeyframeRequest)) <= 4


def test_a_wish_for_a_keyframe_is_kept_until_one_comes(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    for _ in range(12):
        scene.after(0.1)
    assert len(peer.of(rtcp.KeyframeRequest)) == 3
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    peer.out.clear()
    for _ in range(12):
        scene.after(0.1)
    assert peer.of(rtcp.KeyframeRequest) == []


def test_second_host_replaces_the_first_and_nothing_of_both_is_mixed(scene):
    (first, first_peer), (second, second_peer) = scene.host(), scene.host()
    old, new = Host(), Host(50_000)
    scene.room.take_over(first)
    viewer = scene.viewer()
    first_peer.on_rtp(video(old, H264_KEY), scene.clock())
    scene.room.take_over(second)
    first_peer.on_rtp(video(old, b"\x61old"), scene.clock())
    second_peer.on_rtp(video(new, b"\x67new"), scene.clock())
    first_peer.on_rtp(video(old, b"\x61old"), scene.clock())
    second_peer.on_rtp(video(new, b"\x61new"), scene.clock())
    packets = scene.got(viewer)
    assert [packet.payload for packet in packets] == [H264_KEY, b"\x67new", b"\x61new"]
    assert [p.sequence - packets[0].sequence for p in packets] == [0, 1, 2]


def test_host_that_leaves_and_returns_finds_its_viewers_and_its_stream(scene):
    (first, first_peer), source = scene.host(), Host()
    scene.room.take_over(first)
    viewer = scene.viewer()
    first_peer.on_rtp(video(source, H264_KEY), scene.clock())
    scene.room.leave(first)
    assert scene.states == ["playing", "away"]
    scene.after(20)
    (again, again_peer), other = scene.host(), Host(9)
    scene.room.take_over(again)
    again_peer.on_rtp(video(other, H264_KEY), scene.clock())
    before, after = scene.got(viewer)
    assert after.sequence == before.sequence + 1
    assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 20 * 90000
    assert scene.states == ["playing", "away", "playing"]


def test_host_that_returns_with_another_codec_is_sent_under_the_viewers_other_number(scene):
    (first, first_peer), source = scene.host(ENCODER_OFFER), Host()
    scene.room.take_over(first)
    viewer = scene.viewer()
    first_peer.on_rtp(video(source, H264_KEY, payload_type=96), scene.clock())
    only_vp8 = BROWSER_OFFER.replace("H264/90000", "H265/90000")
    second, second_peer = scene.host(only_vp8)
    scene.room.take_over(second)
    second_peer.on_rtp(video(Host(5), b"\x10\x02\x00", payload_type=96), scene.clock())
    assert [packet.payload_type for packet in scene.got(viewer)] == [103, 96]


def test_host_whose_packets_stop_is_away_and_back_with_the_next(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    for _ in range(25):
        scene.after(0.1)
    assert scene.states == ["playing", "away"]
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    assert scene.states == ["playing", "away", "playing"]


def test_second_source_of_one_host_is_not_mixed_in(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    viewer = scene.viewer()
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    peer.on_rtp(video(Host(7), H264_KEY, ssrc=1145360271), scene.clock())
    assert len(scene.got(viewer)) == 1


def test_lost_packet_of_the_host_is_asked_for_and_its_repeat_reaches_the_viewers(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    viewer = scene.viewer()
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    lost = source.packet(b"\x61lost")
    peer.on_rtp(video(source), scene.clock())
    assert peer.of(rtcp.Nack) == [rtcp.Nack(VIDEO_SSRC, [lost.sequence])]
    template = rtp.template(lost, sequence=lost.sequence, timestamp=lost.timestamp, ssrc=VIDEO_SSRC)
    peer.on_rtp(rtp.retransmission(template, payload_type=110, sequence=1, ssrc=1145360271), scene.clock())
    first, second, third = scene.got(viewer)
    assert third.payload == b"\x61lost"
    assert third.sequence == second.sequence - 1 == first.sequence + 1


def test_host_gets_receiver_reports_and_a_reference_time_every_second(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    for _ in range(21):
        scene.after(0.1)
    assert [block.ssrc for block in peer.of(rtcp.ReportBlock)] == [VIDEO_SSRC] * 3


def test_viewers_lost_packets_come_again_on_its_own_retransmission_stream(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    viewer, other = scene.viewer(), scene.viewer()
    for number in range(10):
        peer.on_rtp(video(source, H264_KEY if number == 0 else H264_DELTA), scene.clock())
    lost = scene.got(viewer)[4:6]
    ssrc = scene.room.tracks["video"].ssrc
    viewer.peer.on_rtcp(rtcp.nack(1, ssrc, [packet.sequence for packet in lost]))
    repeats = scene.got(viewer)[10:]
    assert [(p.payload_type, p.ssrc) for p in repeats] == [(110, viewer.plan.rtx_ssrc)] * 2
    assert [rtp.restored(p, payload_type=108, ssrc=ssrc) for p in repeats] == lost
    assert len(scene.got(other)) == 10


def test_repeats_are_capped_for_each_viewer(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    viewer = scene.viewer()
    for number in range(400):
        peer.on_rtp(video(source, H264_KEY if number == 0 else H264_DELTA), scene.clock())
    everything = [packet.sequence for packet in scene.got(viewer)]
    for _ in range(5):
        viewer.peer.on_rtcp(rtcp.nack(1, scene.room.tracks["video"].ssrc, everything))
    assert viewer.repeats == 200
    scene.clock.now += 1
    viewer.peer.on_rtcp(rtcp.nack(1, scene.room.tracks["video"].ssrc, everything))
    assert viewer.repeats == 350


def test_viewer_gets_no_packet_from_before_it_came(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    early = scene.viewer()
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    scene.after(5)
    late = scene.viewer()
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    viewed = len(scene.got(late))
    late.peer.on_rtcp(rtcp.nack(1, scene.room.tracks["video"].ssrc, [scene.got(early)[0].sequence]))
    assert len(scene.got(late)) == viewed


def test_sender_reports_count_what_each_viewer_was_sent(scene):
    (host, peer), source, voice = scene.host(), Host(), Host(3)
    scene.room.take_over(host)
    scene.viewer()
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    scene.after(5)
    late = scene.viewer()
    for number in range(6):
        peer.on_rtp(video(source, H264_KEY if number == 0 else H264_DELTA), scene.clock())
        peer.on_rtp(sound(voice), scene.clock())
    late.peer.out.clear()
    for _ in range(10):
        scene.after(0.1)
    reports = {report.ssrc: report for report in late.peer.of(rtcp.SenderReport)}
    tracks = scene.room.tracks
    assert reports[tracks["video"].ssrc].packets == 6
    assert reports[tracks["video"].ssrc].octets == len(H264_KEY) + 5 * len(H264_DELTA)
    assert reports[tracks["audio"].ssrc].packets == 6


def test_sound_and_picture_are_reported_on_one_clock(scene):
    (host, peer), source, voice = scene.host(), Host(), Host(3)
    scene.room.take_over(host)
    viewer = scene.viewer()
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    peer.on_rtp(sound(voice), scene.clock())
    captured = rtcp.ntp(5_000_000.0)  # the host's clock is wrong, which must not matter
    peer.on_rtcp(rtcp.sender_report(rtcp.SenderReport(VIDEO_SSRC, captured, source.timestamp, 1, 1)))
    peer.on_rtcp(rtcp.sender_report(rtcp.SenderReport(957855872, captured, voice.timestamp, 1, 1)))
    viewer.peer.out.clear()
    for _ in range(10):
        scene.after(0.1)
    picture, voice_report = sorted(
        viewer.peer.of(rtcp.SenderReport), key=lambda report: report.ssrc != scene.room.tracks["video"].ssrc
    )
    seen = {packet.payload_type: packet for packet in scene.got(viewer)}
    assert picture.ntp == voice_report.ntp
    assert picture.timestamp - seen[108].timestamp == pytest.approx(0, abs=1)
    assert voice_report.timestamp - seen[111].timestamp == pytest.approx(0, abs=1)


def test_viewer_that_leaves_is_sent_nothing_more_and_forgotten(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    viewer = scene.viewer()
    peer.on_rtp(video(source, H264_KEY), scene.clock())
    scene.room.part(viewer)
    peer.on_rtp(video(source), scene.clock())
    assert len(scene.got(viewer)) == 1
    assert scene.room.health().viewers == 0
    assert scene.fan_out.runs == [1]


def test_health_tells_the_upload_in_figures(scene):
    (host, peer), source, voice = scene.host(), Host(), Host(3)
    scene.room.take_over(host)
    scene.viewer()
    for number in range(120):
        payload = (H264_KEY if number % 30 == 0 else H264_DELTA) + bytes(1000)
        peer.on_rtp(video(source, payload), scene.clock())
        peer.on_rtp(sound(voice), scene.clock())
        scene.clock.now += 1 / 30
        if number % 3 == 0:
            scene.room.tick(scene.clock.now)
    health = scene.room.health()
    assert (health.state, health.viewers, health.codec, health.warning) == ("playing", 1, "H264", None)
    assert health.fps == pytest.approx(30, abs=1)
    assert health.bitrate_kbps == pytest.approx(30 * 1045 * 8 / 1000, rel=0.1)
    assert health.keyframe_interval_s == pytest.approx(1, abs=0.05)


def test_repeats_of_earlier_frames_do_not_raise_the_frame_rate(scene):
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    for _ in range(90):
        earlier = source.packet(H264_DELTA)
        peer.on_rtp(video(source, H264_KEY), scene.clock())
        template = rtp.template(
            earlier, sequence=earlier.sequence, timestamp=earlier.timestamp, ssrc=VIDEO_SSRC
        )
        peer.on_rtp(
            rtp.retransmission(template, payload_type=110, sequence=1, ssrc=1145360271), scene.clock()
        )
        scene.after(1 / 30)
    assert scene.room.health().fps == pytest.approx(30, abs=1)


def test_junk_from_either_end_is_ignored(scene):
    (host, peer), viewer = scene.host(), scene.viewer()
    scene.room.take_over(host)
    for junk in (b"", b"\x80", b"\x80\x6c" + bytes(9), b"\xff" * 40, bytes(range(200))):
        peer.on_rtp(junk, scene.clock())
        peer.on_rtcp(junk)
        viewer.peer.on_rtcp(junk)
    assert scene.got(viewer) == []
