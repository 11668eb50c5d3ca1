import { watch, type Ref } from 'vue'
import type { LiveRoom } from './room'

interface Point { x: number; y: number }
type Hearts = { rise: (at?: Point | null) => void }

/** Hearts rise for this viewer's likes, from where the picture was tapped, and a few for everybody else's. */
export function useLikes(room: LiveRoom, stage: Ref<HTMLElement | null>, hearts: Ref<Hearts | null>): (at?: Point | null) => void {
  let seen = 0
  watch(
    () => room.likes,
    (count) => {
      const others = count - seen - room.ownLikes()
      if (seen) for (let i = 0; i < Math.min(3, others); i++) setTimeout(() => hearts.value?.rise(), i * 180)
      seen = count - room.ownLikes()
    },
  )
  return (at = null) => {
    const frame = stage.value?.getBoundingClientRect()
    hearts.value?.rise(at && frame ? { x: at.x - frame.left, y: at.y - frame.top } : null)
    room.like()
  }
}
