import { hangUp, leave, negotiate, SignallingProblem, Trickle, waitMs } from './webrtc'

/** `stalled` = connected, but no frame came for a while; `away` = nobody is sending; `refused` = this viewer may not watch. */
export type PlayerState = 'connecting' | 'playing' | 'stalled' | 'waiting' | 'away' | 'refused' | 'stopped'

export interface PlayerOptions {
  url: string
  token?: () => string | null
  /** `why` is the problem's slug when refused. */
  onState?: (state: PlayerState, why?: string) => void
  /** A new stream after each (re)connection: put it in `video.srcObject`. */
  onStream?: (stream: MediaStream) => void
}

export interface PlayerStats {
  framesDecoded: number
  framesDropped: number
  packetsLost: number
  width: number
  height: number
  fps: number
  bytes: number
  rttMs: number | null
  freezes: number
}

const checkEveryMs = 1_000
const stalledAfterMs = 2_500
/** A connection that rides out a short cut is back sooner than a new one. */
const givenUpAfterMs = 7_000

/** Plays a WHEP address and comes back by itself after anything that passes. */
export class WhepPlayer {
  state: PlayerState = 'stopped'
  private peer: RTCPeerConnection | null = null
  private trickle: Trickle | null = null
  private resource: string | null = null
  private round = 0
  private failures = 0
  private timers = new Set<ReturnType<typeof setTimeout>>()

  constructor(private readonly options: PlayerOptions) {}

  start(): void {
    if (this.state !== 'stopped' && this.state !== 'refused') return
    this.failures = 0
    void this.connect()
  }

  stop(): void {
    this.round++
    this.release()
    this.enter('stopped')
  }

  /** Now, rather than after the wait: the network is back, or the room says that the host is sending. */
  wake(): void {
    if ((this.state !== 'waiting' && this.state !== 'away') || this.peer?.connectionState === 'connected') return
    this.failures = 0
    this.release()
    void this.connect()
  }

  async stats(): Promise<PlayerStats | null> {
    const reports = await this.peer?.getStats()
    if (!reports) return null
    let video: Record<string, number> = {}
    let rttMs: number | null = null
    reports.forEach((report: Record<string, unknown>) => {
      if (report.type === 'inbound-rtp' && report.kind === 'video') video = report as Record<string, number>
      if (report.type === 'candidate-pair' && report.nominated && typeof report.currentRoundTripTime === 'number') {
        rttMs = Math.round(report.currentRoundTripTime * 1_000)
      }
    })
    return {
      framesDecoded: video.framesDecoded ?? 0,
      framesDropped: video.framesDropped ?? 0,
      packetsLost: video.packetsLost ?? 0,
      width: video.frameWidth ?? 0,
      height: video.frameHeight ?? 0,
      fps: video.framesPerSecond ?? 0,
      bytes: video.bytesReceived ?? 0,
      rttMs,
      freezes: video.freezeCount ?? 0,
    }
  }

  private async connect(): Promise<void> {
    const round = ++this.round
    const token = this.options.token?.() ?? null
    if (this.state !== 'waiting' && this.state !== 'away') this.enter('connecting')
    try {
      const peer = new RTCPeerConnection({ iceServers: [] })
      this.peer = peer
      this.trickle = new Trickle(peer, token)
      this.watchPeer(peer, round)
      peer.addTransceiver('video', { direction: 'recvonly' })
      peer.addTransceiver('audio', { direction: 'recvonly' })
      const answer = await negotiate(peer, this.options.url, token, await stereo(peer))
      if (round !== this.round) return hangUp(answer.resource, token)
      this.resource = answer.resource
      this.trickle.open(answer)
    } catch (reason) {
      if (round === this.round) this.fail(reason)
    }
  }

  private watchPeer(peer: RTCPeerConnection, round: number): void {
    const stream = new MediaStream()
    peer.addEventListener('track', (event) => {
      stream.addTrack(event.track)
      // Live, not film: the least delay that still plays smoothly.
      if ('jitterBufferTarget' in event.receiver) event.receiver.jitterBufferTarget = 60
      this.options.onStream?.(stream)
    })
    peer.addEventListener('connectionstatechange', () => {
      if (round !== this.round) return
      if (peer.connectionState === 'failed' || peer.connectionState === 'closed') this.fail(null)
    })
    this.watchFrames(peer, round, { frames: -1, since: Date.now() })
  }

  /** Frames are the truth: `connected` with nothing decoded is a still picture. */
  private watchFrames(peer: RTCPeerConnection, round: number, seen: { frames: number; since: number }): void {
    this.later(checkEveryMs, async () => {
      if (round !== this.round) return
      const decoded = (await this.stats())?.framesDecoded ?? 0
      if (round !== this.round) return
      const moved = decoded > Math.max(0, seen.frames)
      const now = moved || document.hidden ? { frames: decoded, since: Date.now() } : { ...seen, frames: Math.max(decoded, seen.frames) }
      const still = Date.now() - now.since
      if (moved) {
        this.failures = 0
        this.enter('playing')
      } else if (still > givenUpAfterMs && peer.connectionState !== 'connected') {
        return this.fail(null)
      } else if (still > givenUpAfterMs) {
        // The connection stands: nobody is sending. The next host's frames come over it.
        this.enter('away')
      } else if (still > stalledAfterMs && this.state === 'playing') {
        this.enter('stalled')
      }
      this.watchFrames(peer, round, now)
    })
  }

  private fail(reason: unknown): void {
    this.round++
    this.release()
    if (reason instanceof SignallingProblem && reason.lasting) return this.enter('refused', reason.slug)
    const nobody = reason instanceof SignallingProblem && [404, 409, 503].includes(reason.status)
    this.enter(nobody ? 'away' : 'waiting')
    const asked = reason instanceof SignallingProblem ? reason.retryAfterMs : null
    this.later(asked ?? waitMs(Math.min(this.failures++, nobody ? 3 : 4)), () => void this.connect())
  }

  private later(ms: number, act: () => unknown): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      act()
    }, ms)
    this.timers.add(timer)
  }

  private release(): void {
    for (const timer of this.timers) clearTimeout(timer)
    this.timers.clear()
    this.trickle?.stop()
    leave(this.peer, this.resource, this.options.token?.() ?? null)
    this.peer = this.trickle = this.resource = null
  }

  private enter(state: PlayerState, why?: string): void {
    if (this.state === state) return
    this.state = state
    this.options.onState?.(state, why)
  }
}

/** Chromium offers Opus in mono unless asked. */
async function stereo(peer: RTCPeerConnection): Promise<RTCSessionDescriptionInit> {
  const offer = await peer.createOffer()
  const opus = /a=rtpmap:(\d+) opus\/48000/.exec(offer.sdp ?? '')?.[1]
  if (!opus) return offer
  const sdp = offer.sdp!.replace(new RegExp(`(a=fmtp:${opus} (?!.*stereo=1)[^\r\n]*)`), '$1;stereo=1')
  return { type: 'offer', sdp }
}
