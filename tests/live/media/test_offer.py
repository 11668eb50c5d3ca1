from __future__ import annotations

import random

import pytest

from live.media import answer, fragment, ingest, offer, playback, twcc
from live.media.aiortc_private import Fingerprint
from live.media.errors import MalformedFragment, MalformedOffer, MediaError, NotAcceptable, OfferTooLarge
from live.media.track import SharedTrack
from live.media.udp import Candidate, Credentials
from tests.live.media.junk import mutated_offer
from tests.live.media.offers import BROWSER_OFFER, ENCODER_OFFER, PLAYER_OFFER

CANDIDATES = [Candidate("192.0.2.1", 50000, 2130706431), Candidate("2001:db8::1", 50000, 2130706175)]
TRANSPORT = answer.Transport(
    Credentials("abcdef012345", "0" * 32, "EsAw"),
    CANDIDATES,
    [Fingerprint(algorithm="sha-256", value="AB:CD")],
)


def tracks():
    return {kind: SharedTrack(kind) for kind in offer.KINDS}


def section(text: str, kind: str) -> offer.Section:
    return next(section for section in offer.parse(text).sections if section.kind == kind)


def answered(text: str, plan: ingest.IngestPlan | playback.PlaybackPlan) -> list[str]:
    return answer.write(offer.parse(text), plan.taken, TRANSPORT, 1, "room").split("\r\n")


def test_browser_offer_is_read():
    parsed = offer.parse(BROWSER_OFFER)
    assert (parsed.ufrag, parsed.password, parsed.setup) == ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1", "server")
    assert [section.kind for section in parsed.sections] == ["audio", "video"]
    assert section(BROWSER_OFFER, "video").ssrc == 3866558358
    assert offer.twcc_extension(section(BROWSER_OFFER, "video")) == 3


def test_h264_of_constrained_baseline_is_taken_first_then_other_profiles_then_vp8():
    taken = offer.accepted(section(BROWSER_OFFER, "video"))
    assert [codec.payload_type for codec in taken] == [108, 103, 107, 96]
    assert taken[0].rtx == 110


def test_encoder_offer_with_bundle_only_and_active_setup_is_taken():
    parsed = offer.parse(ENCODER_OFFER)
    plan = ingest.negotiate(parsed)
    assert parsed.setup == "server"
    assert plan.codecs["video"].variant == "6400"
    assert plan.codecs["audio"].payload_type == 111
    assert plan.extension is None


def test_passive_offer_makes_us_the_dtls_client():
    parsed = offer.parse(BROWSER_OFFER.replace("a=setup:actpass", "a=setup:passive"))
    text = answer.write(parsed, ingest.negotiate(parsed).taken, TRANSPORT, 1, "room")
    assert parsed.setup == "client"
    assert "a=setup:active" in text


def test_host_is_answered_with_one_codec_feedback_and_a_bitrate_to_start_with():
    lines = answered(BROWSER_OFFER, ingest.negotiate(offer.parse(BROWSER_OFFER)))
    assert "m=video 9 UDP/TLS/RTP/SAVPF 108 110" in lines
    assert "m=audio 9 UDP/TLS/RTP/SAVPF 111" in lines
    assert "a=ice-lite" in lines
    assert "a=setup:passive" in lines
    assert lines.count("a=recvonly") == 2
    assert lines.count(f"a=extmap:3 {twcc.EXTENSION}") == 2
    assert {"a=rtcp-fb:108 transport-cc", "a=rtcp-fb:108 nack pli", "a=rtcp-fb:111 transport-cc"} <= set(
        lines
    )
    assert any("x-google-start-bitrate" in line and line.startswith("a=fmtp:108 ") for line in lines)
    assert "a=candidate:2 1 udp 2130706175 2001:db8::1 50000 typ host" in lines
    assert "goog-remb" not in "".join(lines)


def test_viewer_is_answered_with_every_codec_and_the_rooms_sources():
    parsed, shared = offer.parse(PLAYER_OFFER), tracks()
    plan = playback.negotiate(parsed, shared)
    lines = answered(PLAYER_OFFER, plan)
    assert "m=video 9 UDP/TLS/RTP/SAVPF 108 110 103 104 107 109 96 97" in lines
    assert lines.count("a=sendonly") == 2
    assert f"a=ssrc-group:FID {shared['video'].ssrc} {plan.rtx_ssrc}" in lines
    assert f"a=ssrc:{shared['audio'].ssrc} cname:room" in lines
    assert not [line for line in lines if "extmap" in line or "transport-cc" in line]


def test_viewers_number_follows_the_hosts_codec_and_profile():
    plan = playback.negotiate(offer.parse(PLAYER_OFFER), tracks())
    host = ingest.negotiate(offer.parse(ENCODER_OFFER)).codecs["video"]
    assert plan.payload_type("video", host) == 103
    assert plan.rtx("video", host) == 104
    assert plan.payload_type("video", offer.Codec("VP8", 90000, 1, 120)) == 96
    assert plan.payload_type("video", offer.Codec("AV1", 90000, 1, 45)) is None


def test_data_channels_are_declined_without_declining_the_rest():
    with_data = (
        BROWSER_OFFER + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n"
    )
    lines = answered(with_data, ingest.negotiate(offer.parse(with_data)))
    assert "m=application 0 UDP/DTLS/SCTP webrtc-datachannel" in lines
    assert "a=group:BUNDLE 0 1" in lines


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("m=video", "m=audio"),
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"),
        ("a=rtcp-mux\r\n", ""),
        ("a=sendonly", "a=recvonly"),
        ("opus/48000", "speex/16000"),
        ("a=sendonly", "a=inactive"),
    ],
)
def test_offer_that_can_only_be_met_in_part_is_not_acceptable(old, new):
    with pytest.raises(NotAcceptable):
        ingest.negotiate(offer.parse(BROWSER_OFFER.replace(old, new)))


def test_offer_without_any_codec_of_ours_is_not_acceptable():
    text = BROWSER_OFFER.replace("VP8/90000", "VP9/90000").replace("H264/90000", "H265/90000")
    with pytest.raises(NotAcceptable):
        ingest.negotiate(offer.parse(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a=ice-ufrag:EsAw", "a=ice-ufrag:E"),
        ("a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1", "a=ice-pwd:short"),
        ("a=fingerprint:sha-256", "a=fingerprint:md5"),
        ("a=setup:actpass\r\n", ""),
        ("a=mid:1", "a=mid:0"),
        ("m=audio 9", "m=audio nine"),
        ("a=setup:actpass", "a=setup:sideways"),
        ("a=rtpmap:108 H264/90000", "a=rtpmap:108 H264"),
        ("a=ssrc:3866558358 ", "a=ssrc:4294967296 "),
        ("a=ssrc:3866558358 ", "a=ssrc:0 "),
    ],
)
def test_broken_offer_is_malformed(old, new):
    with pytest.raises(MalformedOffer):
        offer.parse(BROWSER_OFFER.replace(old, new))


def test_offer_past_the_limits_is_too_large():
    with pytest.raises(OfferTooLarge):
        offer.parse(BROWSER_OFFER + "a=x\r\n" * 20_000)
    with pytest.raises(OfferTooLarge):
        offer.parse(BROWSER_OFFER + "a=x\r\n" * 2000)
    with pytest.raises(OfferTooLarge):
        offer.parse(BROWSER_OFFER + "a=rtpmap:99 VP8/90000\r\n" * 300)
    with pytest.raises(OfferTooLarge):
        offer.parse(BROWSER_OFFER + "".join(f"a=ssrc:{ssrc} a:b\r" for ssrc in range(1, 2000)))


def test_feedback_lines_times_codecs_are_few_enough_to_hold_up_nobody():
    codecs = "".join(f"a=rtpmap:{number} VP8/90000\r\n" for number in range(20, 60))
    largest_of_a_browser = PLAYER_OFFER + codecs + "a=rtcp-fb:* nack\r\n" * 80
    offer.parse(largest_of_a_browser)
    with pytest.raises(OfferTooLarge):
        offer.parse(largest_of_a_browser + "a=rtcp-fb:* nack\r\n" * 200)


def test_mutated_offers_are_taken_or_refused_and_never_break_anything():
    rng = random.Random(5)
    statuses = []
    for number in range(600):
        text = mutated_offer(rng, (BROWSER_OFFER, PLAYER_OFFER, ENCODER_OFFER)[number % 3])
        try:
            parsed = offer.parse(text)
            plan = playback.negotiate(parsed, tracks()) if number % 3 == 1 else ingest.negotiate(parsed)
            answer.write(parsed, plan.taken, TRANSPORT, 1, "room")
        except MediaError as error:
            statuses.append(error.status)
    assert set(statuses) == {400, 406}
    assert 150 < len(statuses) < 500


def test_fragment_with_candidates_alone_restarts_nothing():
    assert (
        fragment.remote_ufrag("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n") is None
    )


def test_fragment_names_the_peers_new_user():
    assert fragment.remote_ufrag("a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n") == "ysXw"


@pytest.mark.parametrize("text", ["", "hello", "a=ice-ufrag:ysXw\r\n", "a=ice-ufrag:ysXw\r\nx\r\n", "{}"])
def test_broken_fragment_is_malformed(text):
    with pytest.raises(MalformedFragment):
        fragment.remote_ufrag(text)


def test_restart_is_answered_with_credentials_and_candidates():
    text = fragment.write(TRANSPORT.credentials, CANDIDATES)
    assert "a=ice-ufrag:abcdef012345\r\n" in text
    assert "192.0.2.1 50000 typ host" in text
