import { onScopeDispose, ref, watch, type Ref, type ShallowRef } from 'vue'

/** Loudness of the stream's voice, 0 to 1, ten times a second: the host sees that the microphone hears. */
export function useLevel(stream: ShallowRef<MediaStream | null>): Ref<number> {
  const level = ref(0)
  let context: AudioContext | null = null
  let timer: ReturnType<typeof setInterval> | undefined

  function stop(): void {
    clearInterval(timer)
    void context?.close()
    context = null
    level.value = 0
  }

  function listen(next: MediaStream | null): void {
    stop()
    if (!next?.getAudioTracks().length) return
    context = new AudioContext()
    const analyser = context.createAnalyser()
    analyser.fftSize = 512
    context.createMediaStreamSource(next).connect(analyser)
    const wave = new Float32Array(analyser.fftSize)
    timer = setInterval(() => {
      analyser.getFloatTimeDomainData(wave)
      const power = wave.reduce((sum, one) => sum + one * one, 0) / wave.length
      level.value = Math.min(1, Math.sqrt(power) * 4)
    }, 100)
  }
  watch(stream, listen, { immediate: true })
  onScopeDispose(stop)
  return level
}
