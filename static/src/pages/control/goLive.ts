import { computed, onMounted, ref, shallowRef, type Ref } from 'vue'
import { api } from '@/shared/api'
import { tellProblem } from '@/shared/console/tell'
import type { SessionChoice, StaffRoom } from '@/shared/console/types'
import type { Card, RoomInfo } from '@/shared/room-client'

export interface Chip { key: string; kind: string; name: string | null; ask: { session_template_id?: string; kind?: string } }

/** What the room that waits is dressed as: its title, and the template or kind that it was made from. */
export function useDressing(roomId: string, info: Ref<RoomInfo | null>, shelf: Ref<Card[]>, going: boolean) {
  const choice = shallowRef<SessionChoice | null>(null)
  const templateId = ref<string | null>(null)
  const title = ref('')
  const changing = ref(false)
  let sent = Promise.resolve()

  const chips = computed<Chip[]>(() => [
    ...(choice.value?.items ?? []).map((one) => ({ key: one.id, kind: one.kind, name: one.name, ask: { session_template_id: one.id } })),
    ...(choice.value?.kinds ?? []).map(({ kind }) => ({ key: kind, kind, name: null, ask: { kind } })),
  ])
  const chosen = computed(() => templateId.value ?? info.value?.kind ?? '')

  function take(room: StaffRoom): void {
    templateId.value = room.session_template_id
    title.value = room.title
    shelf.value = room.shelf
    if (info.value) Object.assign(info.value, { title: room.title, kind: room.kind, shows: room.shows, audience: room.audience })
  }

  async function dress(chip: Chip): Promise<void> {
    if (changing.value || chip.key === chosen.value) return
    changing.value = true
    try {
      const room = await api<StaffRoom>('/api/rooms/one-tap', { body: chip.ask })
      // What was prepared here is kept when the next can't be made of it: that one waits in a room of its own.
      if (room.id !== roomId) location.replace(`/control/${room.id}#go`)
      else take(room)
    } catch (reason) {
      tellProblem(reason)
    } finally {
      changing.value = false
    }
  }

  /** Titles are sent one after the other; an empty one is not. */
  function rename(): Promise<void> {
    const wanted = title.value.trim()
    sent = sent.then(async () => {
      if (!wanted || wanted === info.value?.title) return
      await api(`/api/rooms/${roomId}`, { method: 'PATCH', body: { title: wanted } })
      if (info.value) info.value.title = wanted
    })
    const done = sent
    sent = sent.catch(() => undefined)
    return done
  }

  onMounted(async () => {
    if (!going) return
    choice.value = await api<SessionChoice>('/api/session-templates').catch(() => null)
  })

  return { title, chips, chosen, changing, take, dress, rename }
}

export type Dressing = ReturnType<typeof useDressing>
