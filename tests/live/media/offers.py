"""Session descriptions as clients write them."""

from __future__ import annotations

_FINGERPRINT = ":".join(["AB"] * 32)

_TRANSPORT = f"""a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
a=ice-options:trickle
a=fingerprint:sha-256 {_FINGERPRINT}
a=setup:actpass"""

BROWSER_OFFER = f"""v=0
o=- 5228595038118931041 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS d46fb922
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
{_TRANSPORT}
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=sendonly
a=msid:d46fb922 a1
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=ssrc:957855872 cname:LtXcXhPXJtp2xkML
m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 107 109 108 110 123 124 45 46
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
{_TRANSPORT}
a=mid:1
a=extmap:14 urn:ietf:params:rtp-hdrext:toffset
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=sendonly
a=msid:d46fb922 v1
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:103 H264/90000
a=rtcp-fb:103 transport-cc
a=rtcp-fb:103 nack
a=rtcp-fb:103 nack pli
a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f
a=rtpmap:104 rtx/90000
a=fmtp:104 apt=103
a=rtpmap:107 H264/90000
a=rtcp-fb:107 nack
a=fmtp:107 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtpmap:109 rtx/90000
a=fmtp:109 apt=107
a=rtpmap:108 H264/90000
a=rtcp-fb:108 transport-cc
a=rtcp-fb:108 ccm fir
a=rtcp-fb:108 nack
a=rtcp-fb:108 nack pli
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:110 rtx/90000
a=fmtp:110 apt=108
a=rtpmap:123 H264/90000
a=rtcp-fb:123 nack
a=fmtp:123 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=f4001f
a=rtpmap:124 rtx/90000
a=fmtp:124 apt=123
a=rtpmap:45 AV1/90000
a=rtpmap:46 rtx/90000
a=fmtp:46 apt=45
a=ssrc-group:FID 3866558358 1145360271
a=ssrc:3866558358 cname:LtXcXhPXJtp2xkML
a=ssrc:1145360271 cname:LtXcXhPXJtp2xkML
""".replace("\n", "\r\n")

PLAYER_OFFER = (
    BROWSER_OFFER.replace("a=sendonly", "a=recvonly")
    .replace("a=msid:d46fb922 a1\r\n", "")
    .replace("a=msid:d46fb922 v1\r\n", "")
)

# What an encoder that speaks libdatachannel's dialect sends: bundle-only, active, one H264, no TWCC, no SSRC lines.
ENCODER_OFFER = f"""v=0
o=rtc 3767197920 0 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE video audio
a=group:LS video audio
a=msid-semantic:WMS *
a=setup:active
a=ice-ufrag:M7xx
a=ice-pwd:kp1ihOsvKjD3cWkaWqSTJ4
a=ice-options:ice2,trickle
a=fingerprint:sha-256 {_FINGERPRINT}
m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=mid:video
a=sendonly
a=rtcp-mux
a=rtpmap:96 H264/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=fmtp:96 profile-level-id=64001f;packetization-mode=1;level-asymmetry-allowed=1
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
m=audio 0 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:audio
a=bundle-only
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
""".replace("\n", "\r\n")
