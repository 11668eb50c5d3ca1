"""Frames from packets: by rule on a track alone, then from real hosts through a real node."""

from __future__ import annotations

import asyncio
import gc
import random
import re
import weakref
from contextlib import asynccontextmanager
from fractions import Fraction
from itertools import pairwise

import av
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from hypothesis import given, settings
from hypothesis import strategies as st

from live.media import rtcp
from live.media.aiortc_private import loopback_too
from live.media.clip import published
from live.media.errors import Draining
from live.media.frames import Assembler, Frame, Tap, Taps
from live.media.node import MediaNode
from live.media.offer import Codec
from live.media.rtp import Packet
from live.media.track import SharedTrack
from tests.live.media.test_node import until
from tests.live.media.test_room import H264_KEY, Scene, video
from tests.live.media.test_track import OPUS, VP8, Host

H264 = Codec("H264", 90000, 1, 96)
SPS, PPS, IDR, SLICE = b"\x67\x42\x00\x1f", b"\x68\xce\x38", b"\x65\x88idr", b"\x41\x9aslice"
LATER_SLICE = b"\x41\x0aslice"  # its first macroblock isn't the picture's
STARTS = b"\0\0\0\1"
VP8_KEY, VP8_DELTA, VP8_MORE = b"\x10\x02\x00key", b"\x10\x03\x00delta", b"\x00more"


def units(data: bytes) -> list[bytes]:
    return [unit for unit in re.split(rb"\x00?\x00\x00\x01", data) if unit]


class Line:
    """A host's packets into a track, and what an assembler makes of them."""

    def __init__(self, codec: Codec = VP8, kind: str = "video") -> None:
        self.track, self.host, self.lost, self.now = SharedTrack(kind), Host(), 0, 100.0
        self.track.begin(codec)
        self.assembler = Assembler(self.track, self._count)

    def _count(self) -> None:
        self.lost += 1

    def packets(self, *payloads: bytes, marker: bool = True) -> list[Packet]:
        """One frame's."""
        return [
            self.host.packet(payload, frame=number == 0)._replace(
                marker=marker and number == len(payloads) - 1
            )
            for number, payload in enumerate(payloads)
        ]

    def hear(self, packets: list[Packet]) -> list[Frame]:
        frames = []
        for packet in packets:
            self.track.accept(packet, self.now)
            frames += self.assembler.frames(self.now, self.now + 1e9)
        return frames

    def frame(self, *payloads: bytes) -> list[Frame]:
        self.now += 1 / 30
        return self.hear(self.packets(*payloads))

    def after(self, ticks: int) -> list[Frame]:
        frames = []
        for _ in range(ticks):
            self.now += 0.1
            self.assembler.tick()
            frames += self.assembler.frames(self.now, self.now + 1e9)
        return frames


def test_vp8_packets_become_whole_frames_as_soon_as_their_last_has_come():
    line = Line()
    first, second = line.packets(VP8_KEY, VP8_MORE), line.packets(VP8_DELTA)
    assert line.hear(first[:1]) == []
    assert [(f.data, f.keyframe, f.codec) for f in line.hear(first[1:])] == [
        (b"\x02\x00keymore", True, "VP8")
    ]
    assert [(f.data, f.keyframe) for f in line.hear(second)] == [(b"\x03\x00delta", False)]


def test_h264_comes_as_annex_b_from_single_units_aggregates_and_fragments():
    line = Line(H264)
    aggregate = b"\x78" + b"".join(len(unit).to_bytes(2) + unit for unit in (SPS, PPS))
    fragments = b"\x7c\x85" + IDR[1:3], b"\x7c\x05" + IDR[3:4], b"\x7c\x45" + IDR[4:]
    (key,) = line.frame(aggregate, *fragments)
    (delta,) = line.frame(SLICE, LATER_SLICE)
    assert (units(key.data), key.keyframe) == ([SPS, PPS, IDR], True)
    assert (units(delta.data), delta.keyframe) == ([SLICE, LATER_SLICE], False)
    assert key.data.startswith(STARTS)


def test_h264_keyframe_without_parameter_sets_gets_the_last_ones():
    line, newer = Line(H264), SPS + b"newer"
    assert line.frame(SPS, PPS) == []  # no picture yet
    (first,), (again,) = line.frame(IDR), line.frame(IDR)
    assert units(first.data) == units(again.data) == [SPS, PPS, IDR]
    assert line.frame(newer) == []
    (changed,) = line.frame(IDR)
    assert (units(changed.data), changed.gap) == ([newer, PPS, IDR], False)


def test_h264_keyframe_before_any_parameter_sets_is_no_use():
    assert Line(H264).frame(IDR) == []


def test_frame_without_a_marker_ends_where_the_next_begins():
    line = Line()
    assert line.hear(line.packets(VP8_KEY, VP8_MORE, marker=False)) == []
    (key,) = line.hear(line.packets(VP8_DELTA, marker=False))
    assert key.data == b"\x02\x00keymore"


def test_padding_belongs_to_no_frame():
    line = Line()
    line.frame(VP8_KEY)
    line.hear([line.host.packet(b"", frame=False)])
    (delta,) = line.frame(VP8_DELTA)
    assert not delta.gap


def test_late_packet_is_waited_for_and_the_frames_stay_in_order():
    line = Line()
    line.frame(VP8_KEY)
    late, after = line.packets(VP8_DELTA), line.packets(VP8_DELTA)
    assert line.hear(after) == []
    assert line.after(3) == []
    frames = line.hear(late)
    assert [frame.gap for frame in frames] == [False, False]
    assert frames[1].timestamp - frames[0].timestamp == 3000
    assert line.lost == 0


def test_packet_that_never_comes_costs_its_frame_and_a_keyframe_is_asked_for():
    line = Line()
    line.frame(VP8_KEY)
    lost = line.packets(VP8_DELTA, VP8_MORE)
    line.hear(lost[1:])
    assert line.frame(VP8_DELTA) == []
    frames = line.after(8)
    assert [(frame.data, frame.gap) for frame in frames] == [(b"\x03\x00delta", True)]
    assert line.lost == 1
    assert line.hear(lost[:1]) == []


def test_losses_one_after_the_other_do_not_add_up_to_a_longer_wait():
    line, got = Line(), []
    line.frame(VP8_KEY)
    for number in range(200):
        packets = line.packets(VP8_DELTA)
        got += line.hear(packets if number % 2 else [])
        if number % 3 == 0:
            got += line.after(1)
    assert line.track.next_index - line.assembler._next <= 21  # 0.6 s of 30 frames a second, and a gap


def test_sound_goes_on_after_a_lost_packet():
    line = Line(OPUS, "audio")
    (first,) = line.frame(b"one")
    line.packets(b"lost")
    line.frame(b"two")
    assert line.after(1) == []
    (second,) = line.after(2)
    assert (first.data, second.data, second.gap, second.keyframe) == (b"one", b"two", True, True)


def test_what_a_host_left_unfinished_is_dropped_when_another_begins():
    line = Line(H264)
    (before,) = line.frame(SPS, PPS, IDR)
    line.hear(line.packets(SLICE, marker=False))
    line.now += 5
    line.track.begin(VP8)
    line.host = Host(60_000, 4_000_000_000)
    (after,) = line.frame(VP8_KEY)
    assert (after.codec, after.gap, after.keyframe) == ("VP8", True, True)
    assert after.timestamp - before.timestamp == pytest.approx(5 * 90_000, abs=6_000)
    assert after.captured_at - before.captured_at == pytest.approx(5, abs=0.1)


def test_parameter_sets_of_one_host_are_not_given_to_the_next():
    line = Line(H264)
    line.frame(SPS, PPS, IDR)
    line.track.begin(H264)
    assert line.frame(IDR) == []


@pytest.mark.parametrize("pause", [0.0, 30.0, 60_000.0])
def test_timestamps_never_wrap(pause):
    line = Line()
    timestamps = []
    for _ in range(12):
        line.now += 8_000  # seconds: twelve make two wraps
        line.host.timestamp += 8_000 * 90_000
        timestamps += [frame.timestamp for frame in line.frame(VP8_KEY)]
    line.now += pause
    line.track.begin(VP8)
    timestamps += [frame.timestamp for frame in line.frame(VP8_KEY)]
    steps = [after - before for before, after in pairwise(timestamps)]
    assert steps[:-1] == [8_000 * 90_000 + 3_000] * 11
    assert steps[-1] == pytest.approx((pause + 1 / 30) * 90_000, abs=1)


def test_both_kinds_are_placed_on_one_clock_by_the_hosts_reports():
    picture, sound = Line(), Line(OPUS, "audio")
    for line in (picture, sound):
        line.frame(VP8_KEY)
        line.track.synchronise(line.now + 1e9, line.host.timestamp)
        line.now += 5  # late, however late it comes
    (shown,), (heard,) = picture.frame(VP8_DELTA), sound.frame(b"voice")
    origin = 1e9 + 100 + 1 / 30
    assert shown.captured_at == pytest.approx(origin + 3000 / 90_000, abs=1e-4)
    assert heard.captured_at == pytest.approx(origin + 3000 / 48_000, abs=1e-4)


@settings(max_examples=40)
@given(st.integers(0, 1 << 30), st.floats(0, 0.2), st.integers(0, 12))
def test_whatever_is_lost_or_late_frames_are_whole_and_in_order(seed, loss, lateness):
    rng, line = random.Random(seed), Line()
    sent: list[bytes] = []
    wire: list[tuple[float, Packet]] = []
    for number in range(80):
        body = [rng.randbytes(5) for _ in range(rng.randint(1, 4))]
        head = b"\x10\x02\x00" if number % 20 == 0 else b"\x10\x03\x00"
        packets = line.packets(head + body[0], *(b"\x00" + part for part in body[1:]))
        sent.append(head[1:] + b"".join(body))
        wire += [(len(wire) + rng.uniform(0, lateness), packet) for packet in packets]
    frames = line.hear([packet for _, packet in wire[:1]])
    for step, (_, packet) in enumerate(sorted(wire[1:], key=lambda item: item[0])):
        if rng.random() >= loss:
            frames += line.hear([packet])
        if step % 5 == 0:
            frames += line.after(1)
    frames += line.after(8)
    numbers = [sent.index(frame.data) for frame in frames]
    assert [later - frame for frame, later in pairwise(numbers)] == [
        (later.timestamp - frame.timestamp) / 3000 for frame, later in pairwise(frames)
    ]
    assert numbers == sorted(set(numbers))
    assert [frame.gap for frame in frames[1:]] == [later - number > 1 for number, later in pairwise(numbers)]
    if not loss:
        assert len(frames) == 80


@given(st.sampled_from([H264, VP8]), st.lists(st.tuples(st.binary(max_size=30), st.booleans()), max_size=20))
def test_any_payload_is_survived(codec, payloads):
    line = Line(codec)
    line.frame(VP8_KEY if codec is VP8 else SPS)
    for payload, marker in payloads:
        line.hear(line.packets(payload, marker=marker))


def test_frame_that_never_ends_is_not_kept():
    line = Line()
    line.frame(VP8_KEY)
    line.hear(line.packets(VP8_DELTA, *[VP8_MORE] * 5000, marker=False))
    assert len(line.assembler._payloads) <= 1024


# Consumers


def picture(number: int, *, keyframe: bool = False, gap: bool = False, size: int = 744) -> Frame:
    return Frame("video", "VP8", number, float(number), keyframe, bytes(size), gap)


def voice(number: int) -> Frame:
    return Frame("audio", "opus", number, float(number), True, bytes(44))


class Asked:
    times = 0

    def __call__(self) -> None:
        self.times += 1


async def taken(tap: Tap) -> list[Frame]:
    tap.end()
    return [frame async for frame in tap]


async def test_consumer_begins_at_a_keyframe():
    tap = Tap(100_000, Asked())
    for number in range(6):
        tap.put(picture(number, keyframe=number == 3, gap=number == 3))
    assert [(frame.timestamp, frame.gap) for frame in await taken(tap)] == [
        (3, False),
        (4, False),
        (5, False),
    ]


async def test_after_a_gap_the_picture_goes_on_at_the_next_keyframe():
    tap = Tap(100_000, Asked())
    for number in range(8):
        tap.put(picture(number, keyframe=number in (0, 5), gap=number == 2))
    frames = [(frame.timestamp, frame.gap) for frame in await taken(tap)]
    assert frames == [(0, False), (1, False), (5, True), (6, False), (7, False)]


async def test_slow_consumer_loses_whole_groups_of_pictures_and_is_told():
    asked = Asked()
    tap = Tap(20_000, asked)
    most = 0
    for number in range(200):
        tap.put(picture(number, keyframe=number % 5 == 0))
        tap.put(voice(number))
        most = max(most, tap._octets)
    frames = await taken(tap)
    pictures = [frame for frame in frames if frame.kind == "video"]
    assert most <= 20_000
    assert (pictures[0].timestamp % 5, pictures[-1].timestamp) == (0, 199)
    assert [frame.gap for frame in frames[:3]] == [True, True, False]
    assert tap.dropped == 400 - len(frames)
    assert asked.times == 0  # the next keyframe was there


async def test_one_long_group_that_does_not_fit_is_dropped_and_a_keyframe_asked_for():
    asked = Asked()
    tap = Tap(20_000, asked)
    for number in range(30):
        tap.put(picture(number, keyframe=number in (0, 25)))
    frames = await taken(tap)
    assert [frame.timestamp for frame in frames] == [25, 26, 27, 28, 29]
    assert frames[0].gap
    assert asked.times == 1


async def test_frame_larger_than_all_that_may_wait_is_dropped():
    tap = Tap(20_000, Asked())
    tap.put(picture(0, keyframe=True, size=30_000))
    assert (await taken(tap), tap._octets, tap.dropped) == ([], 0, 1)


async def test_sound_alone_loses_no_more_than_it_must():
    tap = Tap(3_000, Asked())
    for number in range(20):
        tap.put(voice(number))
    frames = await taken(tap)
    assert [frame.timestamp for frame in frames] == list(range(10, 20))
    assert [frame.gap for frame in frames] == [True] + [False] * 9


@given(
    st.lists(
        st.one_of(
            st.tuples(st.booleans(), st.booleans(), st.integers(0, 4000)), st.integers(1, 5), st.just("sound")
        )
    )
)
def test_consumer_of_any_pace_gets_only_what_it_can_decode_within_its_bound(steps):
    tap, took = Tap(10_000, Asked()), []
    for number, step in enumerate(steps):
        if isinstance(step, int):
            took += [tap._take() for _ in range(min(step, len(tap._waiting)))]
        elif step == "sound":
            tap.put(voice(number))
        else:
            keyframe, gap, size = step
            tap.put(picture(number, keyframe=keyframe, gap=gap, size=size))
        assert tap._octets == sum(len(frame.data) + 256 for frame in tap._waiting) <= 10_000
    pictures = [frame for frame in [*took, *tap._waiting] if frame.kind == "video"]
    assert all(frame.keyframe for frame in pictures if frame.gap)
    assert not pictures or (pictures[0].keyframe)


def test_tap_opened_in_a_running_room_begins_at_the_next_keyframe_which_it_asks_for():
    scene = Scene()
    (host, peer), source = scene.host(), Host()
    scene.room.take_over(host)
    peer.on_rtp(video(source, H264_KEY + IDR), scene.clock())
    scene.after(5)
    peer.out.clear()
    with scene.room.taps.tap(100_000) as tap:
        assert len(peer.of(rtcp.KeyframeRequest)) == 1
        peer.on_rtp(video(source, SLICE), scene.clock())
        assert not tap._waiting


def test_nothing_is_kept_once_the_last_consumer_has_gone():
    tracks = {"audio": SharedTrack("audio"), "video": SharedTrack("video")}
    taps = Taps(tracks, Asked(), lambda: 0.0)
    tracks["video"].begin(VP8)
    host = Host()
    with taps.tap(100_000) as first, taps.tap(100_000) as second:
        for payload in (VP8_KEY, VP8_DELTA):
            tracks["video"].accept(host.packet(payload), 1.0)
            taps.heard("video", 1.0)
        assert len(first._waiting) == len(second._waiting) == 2
    assert (len(first._waiting), first._octets) == (0, 0)
    assert (taps.open, taps._assemblers) == (set(), {})
    gone = weakref.ref(first)
    del first
    gc.collect()
    assert gone() is None


# Real hosts


async def collected(tap: Tap, pictures: int) -> list[Frame]:
    frames: list[Frame] = []
    async with asyncio.timeout(20):
        async for frame in tap:
            frames.append(frame)
            if sum(frame.kind == "video" for frame in frames) == pictures:
                break
    return frames


def decoded(frames: list[Frame], name: str) -> list:
    """Raises av.FFmpegError on anything that a decoder can't make out."""
    decoder = av.CodecContext.create(name, "r")
    decoder.options = {"err_detect": "explode"}
    pictures = [picture for frame in frames for picture in decoder.decode(av.Packet(frame.data))]
    return pictures + decoder.decode(None)


def of(kind: str, frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame.kind == kind]


def steps(frames: list[Frame]) -> set[int]:
    return {after.timestamp - before.timestamp for before, after in pairwise(frames)}


class Moving(MediaStreamTrack):
    """Grey pictures at 30 a second, for a host that encodes them itself."""

    kind = "video"
    number = 0

    async def recv(self) -> av.VideoFrame:
        await asyncio.sleep(1 / 30)
        self.number += 1
        frame = av.VideoFrame(160, 90, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes([self.number % 200]) * plane.buffer_size)
        frame.pts, frame.time_base = self.number * 3000, Fraction(1, 90_000)
        return frame


@asynccontextmanager
async def vp8_host(node: MediaNode, room_id: str):
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver(Moving(), direction="sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    connection.getTransceivers()[0].setCodecPreferences([c for c in codecs if c.name in ("VP8", "rtx")])
    try:
        with loopback_too():
            await connection.setLocalDescription(await connection.createOffer())
        resource = await node.publish(room_id, connection.localDescription.sdp)
        await connection.setRemoteDescription(RTCSessionDescription(resource.answer, "answer"))
        yield
    finally:
        await connection.close()


async def test_frames_of_an_h264_host_are_the_films_own(show, client, small_clip):
    with show.node.frames("r") as tap:
        async with published(client, show.url("whip", "r"), small_clip):
            frames = await collected(tap, 40)
    pictures, sounds = of("video", frames), of("audio", frames)
    film = [units(data) for _, data in small_clip.pictures]
    first = film.index(units(pictures[0].data))
    assert [units(frame.data) for frame in pictures] == (film * 2)[first : first + 40]
    assert [frame.keyframe for frame in pictures] == [(first + n) % 15 == 0 for n in range(40)]
    times = [at + lap * small_clip.seconds for lap in range(2) for at, _ in small_clip.pictures][first:]
    assert [frame.timestamp - pictures[0].timestamp for frame in pictures] == pytest.approx(
        [(at - times[0]) * 90_000 for at in times[:40]], abs=1
    )
    heard = [data for _, data in small_clip.sounds]
    begin = heard.index(sounds[0].data)
    assert [frame.data for frame in sounds] == (heard * 2)[begin : begin + len(sounds)]
    assert steps(sounds) == {960}
    assert not any(frame.gap for frame in frames)
    assert len(decoded(pictures, "h264")) == 40
    assert {(picture.width, picture.height) for picture in decoded(pictures, "h264")} == {(320, 180)}


async def test_pictures_and_sound_of_one_moment_have_one_time_of_capture(show, client, small_clip):
    with show.node.frames("r") as tap:
        async with published(client, show.url("whip", "r"), small_clip):
            frames = await collected(tap, 20)
    film = {tuple(units(data)): at for at, data in small_clip.pictures}
    began = [frame.captured_at - film[tuple(units(frame.data))] for frame in of("video", frames)]
    sound = {data: at for at, data in small_clip.sounds}
    began += [frame.captured_at - sound[frame.data] for frame in of("audio", frames)]
    assert max(began) - min(began) < 0.5


async def test_another_host_with_another_codec_goes_on_in_time(show, client, small_clip):
    with show.node.frames("r") as tap, show.node.frames("r") as other:
        async with published(client, show.url("whip", "r"), small_clip):
            before = of("video", await collected(tap, 10))
        await until(lambda: show.node.figures().hosts == 0)
        async with vp8_host(show.node, "r"):
            rest = []
            async with asyncio.timeout(20):
                while len([frame for frame in rest if frame.codec == "VP8"]) < 10:
                    rest += of("video", [await anext(tap)])
        pictures = before + rest
        change = next(n for n, frame in enumerate(pictures) if frame.codec == "VP8")
        assert [n for n, frame in enumerate(pictures) if frame.gap] == [change]
        assert pictures[change].keyframe
        assert min(steps(pictures)) > 0
        paused = pictures[change].captured_at - pictures[change - 1].captured_at
        ticks = pictures[change].timestamp - pictures[change - 1].timestamp
        assert ticks / 90_000 == pytest.approx(paused, abs=0.2)
        assert len(decoded(pictures[:change], "h264")) == change
        assert len(decoded(pictures[change:], "vp8")) == len(pictures) - change
        assert [frame.data for frame in of("video", [await anext(other) for _ in range(5)])][:1] == [
            pictures[0].data
        ]
    await until(lambda: show.node.figures().rooms == 0)


async def test_stream_ends_when_the_node_stops_and_what_came_before_is_still_given(node):
    with node.frames("r") as tap:
        async with vp8_host(node, "r"):
            await collected(tap, 3)
            await until(lambda: tap._waiting)
            await node.stop()
            async with asyncio.timeout(20):
                assert [frame async for frame in tap]


async def test_consumer_holds_the_room_and_leaves_nothing_behind(node):
    with node.frames("r"), node.frames("r"):
        assert list(node.rooms()) == ["r"]
    assert node.figures().rooms == 0


async def test_draining_node_opens_no_room_for_a_consumer(node):
    node.drain()
    with pytest.raises(Draining), node.frames("r"):
        pass
    assert node.figures().rooms == 0
