import { needsName } from './identity'
import type { LiveRoom } from './room'
import type { OpenSheet } from './sheetStack'

/** Runs `act`, after asking for a name where the viewer has none yet. */
export type WithName = (why: 'say' | 'claim' | 'gift' | 'share', act: () => void) => void

export function useNaming(room: LiveRoom, open: OpenSheet): WithName {
  /** What waits for the viewer to say a name. */
  let afterName: (() => void) | null = null

  function named(): void {
    room.reenter()
    const act = afterName
    afterName = null
    act?.()
  }

  return (why, act) => {
    if (!needsName()) return act()
    afterName = act
    open('name', { why, onNamed: named })
  }
}
