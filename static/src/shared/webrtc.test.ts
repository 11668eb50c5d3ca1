import { expect, test } from 'vitest'
import { fragment, iceServersOf, SignallingProblem, waitMs } from './webrtc'

test('no Link header means no ICE servers at all', () => {
  expect(iceServersOf(null)).toEqual([])
  expect(iceServersOf('<https://a.example/b>; rel="next"')).toEqual([])
})

test('relays keep their credentials, commas and quotes included', () => {
  const link =
    '<stun:turn.example:3478>; rel="ice-server", ' +
    '<turn:turn.example?transport=udp>; rel="ice-server"; username="1700:a,b"; credential="x\\"y="; credential-type="password"'
  expect(iceServersOf(link)).toEqual([
    { urls: 'stun:turn.example:3478' },
    { urls: 'turn:turn.example?transport=udp', username: '1700:a,b', credential: 'x"y=' },
  ])
})

test('candidates are grouped by their media section', () => {
  const sdp = 'v=0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n'
  const found = [
    { candidate: 'candidate:1 1 udp 1 10.0.0.1 1 typ host', sdpMid: '1' },
    { candidate: 'candidate:2 1 udp 1 10.0.0.1 2 typ host', sdpMid: '0' },
  ]
  expect(fragment(sdp, found).split('\r\n')).toEqual([
    'a=ice-ufrag:u',
    'a=ice-pwd:p',
    'm=video 9 UDP/TLS/RTP/SAVPF 0',
    'a=mid:1',
    'a=candidate:1 1 udp 1 10.0.0.1 1 typ host',
    'm=audio 9 UDP/TLS/RTP/SAVPF 0',
    'a=mid:0',
    'a=candidate:2 1 udp 1 10.0.0.1 2 typ host',
    '',
  ])
})

test.each([
  [401, 'not-signed-in', true],
  [403, 'banned', true],
  [410, 'room-ended', true],
  [404, 'not-found', false],
  [503, 'unavailable', false],
])('%d %s is final: %s', (status, slug, lasting) => {
  expect(new SignallingProblem(status, slug, null).lasting).toBe(lasting)
})

test('waits double up to eight seconds', () => {
  expect([0, 1, 2, 9].map((attempt) => waitMs(attempt, () => 1))).toEqual([500, 1_000, 2_000, 8_000])
  expect(waitMs(9, () => 0)).toBe(4_000)
})
