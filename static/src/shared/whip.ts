import { hangUp, leave, negotiate, SignallingProblem, Trickle, waitMs } from './webrtc'

/** `refused` = the token is wrong or another host holds the room: trying again can't help. */
export type PublisherState = 'connecting' | 'live' | 'waiting' | 'refused' | 'stopped'

export interface PublisherOptions {
  url: string
  token: () => string | null
  limits: Limits
  onState?: (state: PublisherState, slug?: string) => void
}

/** How much picture may go out. */
export interface Limits {
  /** Pixels of the picture's shorter side; null: as it is captured. */
  shortSide: number | null
  maxKbps: number
}

export interface PublisherStats {
  bitrateKbps: number
  /** What the encoder aims at; null where the browser doesn't tell. */
  targetKbps: number | null
  fps: number
  /** Frames that the camera or the screen gives. */
  sourceFps: number
  width: number
  height: number
  /** `none`, `bandwidth` or `cpu`: what holds the encoder back. */
  limitedBy: string
}

export interface Device { id: string; label: string }

/** Cameras and microphones; labels are empty until the person has allowed one. */
export async function listDevices(): Promise<{ cameras: Device[]; microphones: Device[] }> {
  const all = await navigator.mediaDevices.enumerateDevices()
  const of = (kind: MediaDeviceKind): Device[] =>
    all.filter((device) => device.kind === kind && device.deviceId).map(({ deviceId, label }) => ({ id: deviceId, label }))
  return { cameras: of('videoinput'), microphones: of('audioinput') }
}

/** False on plain HTTP outside localhost: browsers hide cameras there. */
export function canCapture(): boolean {
  return Boolean(navigator.mediaDevices?.getUserMedia)
}

export function openCamera(choice: { videoDevice?: string; audioDevice?: string; portrait?: boolean; facing?: 'user' | 'environment' } = {}): Promise<MediaStream> {
  const { portrait = false, facing = 'user' } = choice
  return navigator.mediaDevices.getUserMedia({
    video: {
      ...(choice.videoDevice ? { deviceId: { exact: choice.videoDevice } } : { facingMode: facing }),
      width: { ideal: portrait ? 720 : 1280 },
      height: { ideal: portrait ? 1280 : 720 },
      frameRate: { ideal: 30, max: 30 },
    },
    audio: {
      ...(choice.audioDevice ? { deviceId: { exact: choice.audioDevice } } : {}),
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
    },
  })
}

/** The screen's picture, with its sound where the browser shares it. */
export function openScreen(): Promise<MediaStream> {
  return navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 30, max: 30 } }, audio: true })
}

/** Publishes a stream by WHIP and comes back by itself with the same tracks. */
export class WhipPublisher {
  state: PublisherState = 'stopped'
  private stream: MediaStream | null = null
  private peer: RTCPeerConnection | null = null
  private trickle: Trickle | null = null
  private resource: string | null = null
  /** The session that broke off. */
  private before: string | null = null
  private round = 0
  private failures = 0
  private timer: ReturnType<typeof setTimeout> | null = null
  private last: { bytes: number; at: number } | null = null
  private limits: Limits
  private tuned: Promise<void> = Promise.resolve()

  constructor(private readonly options: PublisherOptions) {
    this.limits = options.limits
  }

  start(stream: MediaStream): void {
    this.stream = stream
    this.failures = 0
    void this.connect()
  }

  stop(): void {
    this.round++
    leave(this.peer, this.resource ?? this.before, this.options.token())
    this.peer = this.resource = this.before = null
    this.release()
    this.enter('stopped')
  }

  wake(): void {
    if (this.state !== 'waiting') return
    this.failures = 0
    if (this.timer) clearTimeout(this.timer)
    void this.connect()
  }

  /** Another camera or the screen, with no new connection; the room's picture doesn't break off. */
  async replace(stream: MediaStream): Promise<void> {
    const before = this.stream
    this.stream = stream
    for (const kind of ['video', 'audio'] as const) {
      const track = stream.getTracks().find((one) => one.kind === kind) ?? keepAudio(kind, before)
      const sender = this.sender(kind)
      if (!sender) continue
      if (track && !stream.getTracks().includes(track)) stream.addTrack(track)
      await sender.replaceTrack(track ?? null)
    }
    await this.tune()
  }

  /** From now on, after reconnections and with other cameras too. */
  async limit(limits: Limits): Promise<void> {
    this.limits = limits
    await this.tune()
  }

  /** Mutes at the source: black picture or silence goes out, the connection stays. */
  mute(kind: 'audio' | 'video', muted: boolean): void {
    for (const track of this.stream?.getTracks() ?? []) if (track.kind === kind) track.enabled = !muted
  }

  async stats(): Promise<PublisherStats | null> {
    const reports = await this.peer?.getStats()
    if (!reports) return null
    let out: Record<string, number | string> = {}
    let given: Record<string, number> = {}
    reports.forEach((report: Record<string, unknown>) => {
      if (report.type === 'outbound-rtp' && report.kind === 'video') out = report as Record<string, number>
      if (report.type === 'media-source' && report.kind === 'video') given = report as Record<string, number>
    })
    const now = { bytes: Number(out.bytesSent ?? 0), at: performance.now() }
    const before = this.last ?? { ...now, at: now.at - 1_000 }
    this.last = now
    return {
      bitrateKbps: Math.round(((now.bytes - before.bytes) * 8) / Math.max(1, now.at - before.at)),
      targetKbps: out.targetBitrate === undefined ? null : Math.round(Number(out.targetBitrate) / 1_000),
      fps: Math.round(Number(out.framesPerSecond ?? 0)),
      sourceFps: Math.round(given.framesPerSecond ?? 0),
      width: Number(out.frameWidth ?? 0),
      height: Number(out.frameHeight ?? 0),
      limitedBy: String(out.qualityLimitationReason ?? 'none'),
    }
  }

  private async connect(): Promise<void> {
    const round = ++this.round
    const token = this.options.token()
    if (this.state !== 'waiting') this.enter('connecting')
    if (await this.replaced(token)) return this.enter('refused', 'host-replaced')
    if (round !== this.round) return
    try {
      const peer = new RTCPeerConnection({ iceServers: [], bundlePolicy: 'max-bundle' })
      this.peer = peer
      this.last = null
      this.trickle = new Trickle(peer, token)
      this.addTracks(peer)
      this.watchPeer(peer, round)
      const answer = await negotiate(peer, this.options.url, token, await peer.createOffer())
      if (round !== this.round) return hangUp(answer.resource, token)
      this.resource = answer.resource
      this.trickle.open(answer)
      await this.tune()
    } catch (reason) {
      if (round === this.round) this.fail(reason)
    }
  }

  private addTracks(peer: RTCPeerConnection): void {
    const { stream } = this
    if (!stream) return
    for (const kind of ['video', 'audio'] as const) {
      const track = stream.getTracks().find((one) => one.kind === kind)
      if (kind === 'video' && track && 'contentHint' in track) track.contentHint = 'motion'
      peer.addTransceiver(track ?? kind, { direction: 'sendonly', streams: [stream] })
    }
    preferH264(peer)
  }

  /** One at a time: parameters must be set as they were got. */
  private tune(): Promise<void> {
    this.tuned = this.tuned.then(() => this.applyLimits())
    return this.tuned
  }

  /** A sharp picture at fewer frames beats a smooth blur when goods are shown. */
  private async applyLimits(): Promise<void> {
    const sender = this.sender('video')
    if (!sender) return
    const parameters = sender.getParameters()
    if (!parameters.encodings?.length) return
    const { shortSide, maxKbps } = this.limits
    const { width = 0, height = 0 } = sender.track?.getSettings() ?? {}
    parameters.degradationPreference = 'maintain-resolution'
    for (const encoding of parameters.encodings) {
      encoding.maxBitrate = maxKbps * 1_000
      encoding.maxFramerate = 30
      encoding.scaleResolutionDownBy = shortSide ? Math.max(1, Math.min(width, height) / shortSide) : 1
    }
    await sender.setParameters(parameters).catch(() => undefined)
  }

  private sender(kind: 'audio' | 'video'): RTCRtpSender | undefined {
    return this.peer?.getTransceivers().find((one) => one.receiver.track.kind === kind)?.sender
  }

  private watchPeer(peer: RTCPeerConnection, round: number): void {
    let lapse: ReturnType<typeof setTimeout> | undefined
    peer.addEventListener('connectionstatechange', () => {
      if (round !== this.round) return
      clearTimeout(lapse)
      if (peer.connectionState === 'connected') {
        this.failures = 0
        this.enter('live')
      } else if (peer.connectionState === 'disconnected') {
        // Often mends itself within a moment.
        lapse = setTimeout(() => round === this.round && peer.connectionState !== 'connected' && this.fail(null), 3_000)
      } else if (peer.connectionState === 'failed' || peer.connectionState === 'closed') {
        this.fail(null)
      }
    })
  }

  private fail(reason: unknown): void {
    this.round++
    this.before = this.resource ?? this.before
    this.release()
    if (reason instanceof SignallingProblem && (reason.lasting || reason.status === 409)) {
      return this.enter('refused', reason.slug)
    }
    this.enter('waiting')
    const asked = reason instanceof SignallingProblem ? reason.retryAfterMs : null
    this.timer = setTimeout(() => void this.connect(), asked ?? waitMs(Math.min(this.failures++, 3)))
  }

  /** Ends the session before; true when it ended because another host took the room over, who then keeps it. */
  private async replaced(token: string | null): Promise<boolean> {
    const { before } = this
    this.before = null
    if (!before) return false
    const headers: HeadersInit = token ? { Authorization: `Bearer ${token}` } : {}
    const answer = await fetch(before, { method: 'DELETE', headers }).catch(() => null)
    return answer?.status === 410
  }

  private release(): void {
    if (this.timer) clearTimeout(this.timer)
    this.timer = null
    this.trickle?.stop()
    this.peer?.close()
    this.peer = this.trickle = this.resource = null
  }

  private enter(state: PublisherState, slug?: string): void {
    if (this.state === state) return
    this.state = state
    this.options.onState?.(state, slug)
  }
}

/** The screen often has no sound of its own: the microphone goes on. */
function keepAudio(kind: 'audio' | 'video', before: MediaStream | null): MediaStreamTrack | undefined {
  return kind === 'audio' ? before?.getAudioTracks().find((track) => track.readyState === 'live') : undefined
}

/** H264 can be repackaged for HLS without encoding again. */
function preferH264(peer: RTCPeerConnection): void {
  const video = peer.getTransceivers().find((one) => one.sender.track?.kind === 'video')
  const codecs = RTCRtpSender.getCapabilities?.('video')?.codecs
  if (!video || !codecs || !('setCodecPreferences' in video)) return
  const h264 = codecs.filter((codec) => /h264/i.test(codec.mimeType))
  const others = codecs.filter((codec) => !/h264/i.test(codec.mimeType))
  if (h264.length) video.setCodecPreferences([...h264, ...others])
}
