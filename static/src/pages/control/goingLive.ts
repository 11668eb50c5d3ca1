import { ref, watch } from 'vue'
import type { Room } from '@/shared/console/room/room'
import { tellProblem } from '@/shared/console/tell'
import type { Broadcast } from './broadcast'
import type { Stage, StageAction } from './stage'

/** The host's picture follows the room's state; going live without a picture and ending are asked about first. */
export function useGoingLive({ info, playing }: Pick<Room, 'info' | 'playing'>, broadcast: Broadcast, stage: Stage) {
  const asking = ref<'end' | 'noCamera' | null>(null)

  /** Pausing is a promise that nothing is seen or heard. */
  watch(
    () => info.value?.state,
    (now, before) => {
      broadcast.applyMutes(now === 'paused')
      if (now === 'ended' && before) broadcast.close()
      if (before && now && now !== 'planned' && now !== 'ended') void publish()
    },
  )
  watch(
    () => broadcast.stream.value,
    (stream) => {
      if (stream && info.value && ['warming', 'live', 'paused'].includes(info.value.state)) void publish()
    },
  )

  async function publish(): Promise<void> {
    if (!broadcast.stream.value || broadcast.publishing.value) return
    await broadcast.publish().catch(tellProblem)
  }

  async function act(action: StageAction): Promise<void> {
    if (action === 'end') asking.value = 'end'
    else if (action === 'start' && !broadcast.stream.value && !playing.value) asking.value = 'noCamera'
    else await stage.act(action)
  }

  async function startWithCamera(): Promise<void> {
    asking.value = null
    if (await broadcast.startCamera()) await stage.act('start')
  }

  async function confirmed(action: StageAction): Promise<void> {
    if (await stage.act(action)) asking.value = null
  }

  return { asking, act, startWithCamera, confirmed }
}
