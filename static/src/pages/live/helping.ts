import { useI18n } from 'vue-i18n'
import { asMember } from '@/shared/api'
import type { ChatLine } from '@/shared/room-client'
import type { LiveRoom } from './room'
import { toastProblem, toastAct } from './toast'

const muteMinutes = 10

/** What a viewer does who helps in the room: shown at once, with a way back. */
export function useHelping(room: LiveRoom) {
  const { t } = useI18n()
  const at = `/api/rooms/${room.id}`

  async function remove(line: ChatLine): Promise<void> {
    room.hideLine(line.id)
    try {
      await asMember(`${at}/messages/${line.id}`, { method: 'DELETE' })
      toastAct(t('chat.deleted'), t('chat.undo'), () => void restore(line))
    } catch (reason) {
      room.showLine(line)
      toastProblem(reason)
    }
  }

  async function restore(line: ChatLine): Promise<void> {
    room.showLine(line)
    try {
      await asMember(`${at}/messages/${line.id}/restore`, { method: 'POST' })
    } catch (reason) {
      room.hideLine(line.id)
      toastProblem(reason)
    }
  }

  async function mute({ member_id, name }: ChatLine): Promise<void> {
    try {
      await asMember(`${at}/mutes`, { body: { member_id, minutes: muteMinutes } })
      toastAct(t('chat.muted_one', { name, n: muteMinutes }), t('chat.undo'), () => void unmute(member_id))
    } catch (reason) {
      toastProblem(reason)
    }
  }

  async function unmute(memberId: string): Promise<void> {
    await asMember(`${at}/mutes/${memberId}`, { method: 'DELETE' }).catch(toastProblem)
  }

  return { remove, mute }
}
