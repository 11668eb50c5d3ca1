import { computed, onScopeDispose, reactive, ref, shallowRef } from 'vue'
import { api } from '@/shared/api'
import {
  canCapture,
  listDevices,
  openCamera,
  openScreen,
  WhipPublisher,
  type Device,
  type PublisherState,
  type PublisherStats,
} from '@/shared/whip'
import { keepQuality, keptQuality, limitsOf, type Quality } from './quality'

export type Ratio = '9:16' | '16:9'

/** Why a camera didn't open, as a key of the page's texts. */
export function captureProblem(reason: unknown): string {
  if (!canCapture()) return 'camera.insecure'
  const name = reason instanceof DOMException ? reason.name : ''
  if (name === 'NotAllowedError') return 'camera.denied'
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'camera.missing'
  if (name === 'NotReadableError') return 'camera.taken'
  return 'camera.failed'
}

/** Camera, microphone and screen of this machine, and their road to the room. */
export function useBroadcast(roomId: string) {
  const stream = shallowRef<MediaStream | null>(null)
  const source = ref<'camera' | 'screen'>('camera')
  const ratio = ref<Ratio>('9:16')
  /** Which of a phone's cameras. */
  const facing = ref<'user' | 'environment'>('user')
  const devices = reactive<{ cameras: Device[]; microphones: Device[]; camera: string; microphone: string }>({
    cameras: [],
    microphones: [],
    camera: '',
    microphone: '',
  })
  const microphoneOn = ref(true)
  const cameraOn = ref(true)
  const opening = ref(false)
  const trouble = ref<string | null>(null)
  const state = ref<PublisherState>('stopped')
  const refusal = ref<string | null>(null)
  const stats = ref<PublisherStats | null>(null)
  const quality = ref<Quality>(keptQuality())
  let publisher: WhipPublisher | null = null

  async function capture(open: () => Promise<MediaStream>, next: 'camera' | 'screen'): Promise<boolean> {
    opening.value = true
    trouble.value = null
    try {
      if (!canCapture()) throw new Error('insecure')
      await take(await open())
      source.value = next
      await learnDevices()
      return true
    } catch (reason) {
      // Closing the browser's own "share screen" window is a choice, not a failure.
      if (next === 'camera' || !(reason instanceof DOMException && reason.name === 'NotAllowedError')) {
        trouble.value = captureProblem(reason)
      }
      return false
    } finally {
      opening.value = false
    }
  }

  const startCamera = (): Promise<boolean> =>
    capture(
      () => openCamera({ videoDevice: devices.camera, audioDevice: devices.microphone, portrait: ratio.value === '9:16', facing: facing.value }),
      'camera',
    )

  /** The phone's other camera. Many phones open one only after the other is closed. */
  async function flip(): Promise<void> {
    const before = { camera: devices.camera, facing: facing.value }
    for (const track of stream.value?.getVideoTracks() ?? []) track.stop()
    devices.camera = ''
    facing.value = before.facing === 'user' ? 'environment' : 'user'
    if (await startCamera()) return
    const { value } = trouble
    Object.assign(devices, { camera: before.camera })
    facing.value = before.facing
    await startCamera()
    trouble.value = value
  }

  /** As in a mirror, where the host looks at themselves. */
  const mirrored = computed(() => source.value === 'camera' && stream.value !== null && facing.value === 'user')
  const startScreen = (): Promise<boolean> => capture(openScreen, 'screen')

  async function take(next: MediaStream): Promise<void> {
    const before = stream.value
    if (publisher) await publisher.replace(next)
    else if (before) keepVoice(before, next)
    stream.value = next
    applyMutes()
    for (const track of before?.getTracks() ?? []) if (!next.getTracks().includes(track)) track.stop()
    // The browser's "stop sharing" bar ends the track: back to the camera.
    next.getVideoTracks()[0]?.addEventListener('ended', () => {
      if (stream.value === next) void startCamera()
    })
  }

  async function learnDevices(): Promise<void> {
    Object.assign(devices, await listDevices())
    const settings = (kind: 'video' | 'audio'): string =>
      stream.value?.getTracks().find((track) => track.kind === kind)?.getSettings().deviceId ?? ''
    if (source.value === 'camera') devices.camera = settings('video')
    devices.microphone = settings('audio') || devices.microphone
  }

  function applyMutes(hidden = false): void {
    for (const track of stream.value?.getTracks() ?? []) {
      track.enabled = !hidden && (track.kind === 'audio' ? microphoneOn.value : cameraOn.value)
    }
  }

  function toggle(kind: 'audio' | 'video'): void {
    const on = kind === 'audio' ? microphoneOn : cameraOn
    on.value = !on.value
    applyMutes()
  }

  async function chooseQuality(next: Quality): Promise<void> {
    quality.value = next
    keepQuality(next)
    await publisher?.limit(limitsOf(next))
  }

  async function publish(): Promise<void> {
    if (!stream.value || publisher) return
    const { whip_url, token } = await api<{ whip_url: string; token: string }>(`/api/rooms/${roomId}/broadcast-tokens`, {
      method: 'POST',
    })
    refusal.value = null
    publisher = new WhipPublisher({
      url: new URL(whip_url, location.origin).pathname,
      token: () => token,
      limits: limitsOf(quality.value),
      onState: (next, slug) => {
        state.value = next
        if (next === 'refused') refusal.value = slug ?? 'unknown'
      },
    })
    publisher.start(stream.value)
  }

  async function publishAgain(): Promise<void> {
    unpublish()
    await publish()
  }

  function unpublish(): void {
    publisher?.stop()
    publisher = null
    state.value = 'stopped'
    stats.value = null
  }

  function close(): void {
    unpublish()
    for (const track of stream.value?.getTracks() ?? []) track.stop()
    stream.value = null
  }

  const sampler = setInterval(async () => {
    stats.value = publisher?.state === 'live' ? await publisher.stats() : null
  }, 1_000)
  const wake = (): void => publisher?.wake()
  addEventListener('online', wake)
  addEventListener('pagehide', unpublish)
  onScopeDispose(() => {
    clearInterval(sampler)
    removeEventListener('online', wake)
    removeEventListener('pagehide', unpublish)
    close()
  })

  const publishing = computed(() => state.value !== 'stopped' && state.value !== 'refused')

  return {
    stream,
    source,
    ratio,
    devices,
    microphoneOn,
    cameraOn,
    opening,
    trouble,
    state,
    refusal,
    stats,
    quality,
    publishing,
    startCamera,
    startScreen,
    flip,
    mirrored,
    toggle,
    chooseQuality,
    applyMutes,
    publish,
    publishAgain,
    close,
  }
}

export type Broadcast = ReturnType<typeof useBroadcast>

function keepVoice(before: MediaStream, next: MediaStream): void {
  const voice = before.getAudioTracks().find((track) => track.readyState === 'live')
  if (voice && !next.getAudioTracks().length) next.addTrack(voice)
}
