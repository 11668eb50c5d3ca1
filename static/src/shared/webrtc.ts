/** What WHIP (RFC 9725) and WHEP have in common: an offer posted, an answer taken, candidates trickled to the resource. */

export interface Exchange { answer: string; resource: string; etag: string | null; iceServers: RTCIceServer[] }

export class SignallingProblem extends Error {
  constructor(
    readonly status: number,
    readonly slug: string,
    readonly retryAfterMs: number | null,
  ) {
    super(slug)
    this.name = 'SignallingProblem'
  }

  /** Trying the same again can't help. */
  get lasting(): boolean {
    return [400, 401, 403, 406, 410, 415, 422].includes(this.status)
  }
}

/** `Link: <turn:host?transport=udp>; rel="ice-server"; username="u"; credential="c"` (RFC 9725, 4.6). */
export function iceServersOf(link: string | null): RTCIceServer[] {
  const servers: RTCIceServer[] = []
  for (const [, urls, rest] of (link ?? '').matchAll(/<([^>]+)>((?:\s*;\s*[\w-]+=(?:"(?:[^"\\]|\\.)*"|[^\s,;]+))*)/g)) {
    const values = new Map<string, string>()
    for (const [, name, value] of (rest ?? '').matchAll(/([\w-]+)=("(?:[^"\\]|\\.)*"|[^\s,;]+)/g)) {
      values.set(name!.toLowerCase(), value!.replace(/^"|"$/g, '').replace(/\\(.)/g, '$1'))
    }
    if (values.get('rel') !== 'ice-server' || !urls) continue
    const server: RTCIceServer = { urls }
    if (values.has('username')) server.username = values.get('username')
    if (values.has('credential')) server.credential = values.get('credential')
    servers.push(server)
  }
  return servers
}

const bearer = (token: string | null | undefined): Record<string, string> =>
  token ? { Authorization: `Bearer ${token}` } : {}

export async function exchange(url: string, token: string | null | undefined, offer: string): Promise<Exchange> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', Accept: 'application/sdp', ...bearer(token) },
    body: offer,
  })
  if (response.status !== 201) {
    const told = (await response.json().catch(() => ({}))) as { slug?: string }
    const seconds = Number(response.headers.get('Retry-After'))
    throw new SignallingProblem(response.status, told.slug ?? 'unknown', seconds > 0 ? seconds * 1_000 : null)
  }
  return {
    answer: await response.text(),
    resource: new URL(response.headers.get('Location') ?? url, response.url || new URL(url, location.href)).toString(),
    etag: response.headers.get('ETag'),
    iceServers: iceServersOf(response.headers.get('Link')),
  }
}

/**
 * Posts the offer, then lets candidates be gathered with the servers that the answer's Link headers name (RFC 9725, 4.6):
 * one round trip, and no STUN or TURN server that the operator didn't choose.
 */
export async function negotiate(
  peer: RTCPeerConnection,
  url: string,
  token: string | null | undefined,
  offer: RTCSessionDescriptionInit,
): Promise<Exchange> {
  const answer = await exchange(url, token, offer.sdp ?? '')
  try {
    if (answer.iceServers.length) peer.setConfiguration({ ...peer.getConfiguration(), iceServers: answer.iceServers })
    await peer.setLocalDescription(offer)
    await peer.setRemoteDescription({ type: 'answer', sdp: answer.answer })
    return answer
  } catch (reason) {
    void hangUp(answer.resource, token)
    throw reason
  }
}

/** Sends candidates found after the offer (RFC 8840 fragments) until `stop` is called. */
export class Trickle {
  private found: RTCIceCandidate[] = []
  private target: Exchange | null = null
  private timer: ReturnType<typeof setTimeout> | null = null

  constructor(
    private readonly peer: RTCPeerConnection,
    private readonly token: string | null | undefined,
  ) {
    peer.addEventListener('icecandidate', (event) => {
      if (event.candidate?.candidate) this.found.push(event.candidate)
      this.schedule()
    })
  }

  open(target: Exchange): void {
    this.target = target
    this.schedule()
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer)
    this.target = null
  }

  private schedule(): void {
    if (!this.target || !this.found.length || this.timer) return
    this.timer = setTimeout(() => {
      this.timer = null
      void this.flush()
    }, 50)
  }

  private async flush(): Promise<void> {
    const { target } = this
    const found = this.found.splice(0)
    if (!target || !found.length) return
    await fetch(target.resource, {
      method: 'PATCH',
      headers: {
        'Content-Type': 'application/trickle-ice-sdpfrag',
        ...(target.etag ? { 'If-Match': target.etag } : {}),
        ...bearer(this.token),
      },
      body: fragment(this.peer.localDescription?.sdp ?? '', found),
    }).catch(() => undefined)
  }
}

export function fragment(sdp: string, candidates: Pick<RTCIceCandidate, 'candidate' | 'sdpMid'>[]): string {
  const line = (name: string): string => new RegExp(`^a=${name}:.*$`, 'm').exec(sdp)?.[0]?.trim() ?? ''
  const kinds = [...sdp.matchAll(/^m=(\w+) [^\r\n]*[\s\S]*?^a=mid:(\S+)/gm)].map(([, kind, mid]) => ({ kind, mid }))
  const parts = [line('ice-ufrag'), line('ice-pwd')]
  for (const mid of new Set(candidates.map((candidate) => candidate.sdpMid ?? '0'))) {
    const kind = kinds.find((media) => media.mid === mid)?.kind ?? 'video'
    parts.push(`m=${kind} 9 UDP/TLS/RTP/SAVPF 0`, `a=mid:${mid}`)
    for (const one of candidates) if ((one.sdpMid ?? '0') === mid) parts.push(`a=${one.candidate}`)
  }
  return `${parts.filter(Boolean).join('\r\n')}\r\n`
}

/** Best effort, also while the page goes away. */
export async function hangUp(resource: string | null, token: string | null | undefined): Promise<void> {
  if (resource) await fetch(resource, { method: 'DELETE', headers: bearer(token), keepalive: true }).catch(() => undefined)
}

/** First the word, then the line: a server that sees the connection close forgets the resource that DELETE names. */
export function leave(peer: RTCPeerConnection | null, resource: string | null, token: string | null | undefined): void {
  const close = (): void => peer?.close()
  if (!resource) return close()
  setTimeout(close, 1_000)
  void hangUp(resource, token).then(close)
}

/** Waits for what a media connection tries again: 0.5 s doubling to 8 s, drawn from the upper half. */
export function waitMs(attempt: number, random: () => number = Math.random): number {
  return Math.min(8_000, 500 * 2 ** attempt) * (0.5 + random() / 2)
}
