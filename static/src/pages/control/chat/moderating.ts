import { ref, shallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { api } from '@/shared/api'
import { tellUndo } from '@/shared/console/tell'
import type { ChatLine, ChatSetting, RoomClient } from '@/shared/room-client'
import { serverNow } from '@/shared/time'
import type { Ban, Helper, Mute, Page } from '@/shared/types'
import { optimistic } from './optimistic'

type Who = Pick<ChatLine, 'member_id' | 'name'>
/** `minutes` null: for good. */
export interface BanOrder { minutes: number | null; reason: string; everywhere: boolean; devices: boolean }

/** Who may speak and enter, who helps, and by which rules of the room. */
export function useModerating(roomId: string, client: RoomClient) {
  const { t } = useI18n()
  const at = `/api/rooms/${roomId}`
  /** Those over are among them still. */
  const mutes = ref<Mute[]>([])
  const bans = ref<Ban[]>([])
  const helpers = ref<Helper[]>([])
  const setting = shallowRef<ChatSetting>({ pre_review: false, links: false, slow_s: 0 })

  client.on('snapshot', (snapshot) => snapshot.chat && (setting.value = snapshot.chat))
  client.on('welcome', ({ resumed }) => void (resumed.moderation || load()))
  client.onFact('room', 'chat.setting', (now) => (setting.value = now))
  client.onFact('room', 'member.muted', ({ member_id, until }) => {
    const known = mutes.value.find((one) => one.member_id === member_id)
    putMute({ name: '', by: '', ...known, member_id, until })
    void loadMutes()
  })
  client.onFact('room', 'member.unmuted', ({ member_id }) => dropMute(member_id))
  client.onFact('moderation', 'member.banned', () => void loadBans())
  client.onFact('moderation', 'member.unbanned', ({ member_id }) => (bans.value = bans.value.filter((one) => one.member_id !== member_id)))
  client.onFact('moderation', 'moderator', () => void loadHelpers())

  const read = <T>(path: string): Promise<T[] | null> =>
    api<Page<T>>(`${at}/${path}`)
      .then(({ items }) => items)
      .catch(() => null)
  const loadMutes = async (): Promise<void> => void (mutes.value = (await read<Mute>('mutes')) ?? mutes.value)
  const loadBans = async (): Promise<void> => void (bans.value = (await read<Ban>('bans')) ?? bans.value)
  const loadHelpers = async (): Promise<void> => void (helpers.value = (await read<Helper>('moderators')) ?? helpers.value)
  async function load(): Promise<void> {
    await Promise.all([loadMutes(), loadBans(), loadHelpers()])
  }

  const putMute = (one: Mute): void => void (mutes.value = [...mutes.value.filter(({ member_id }) => member_id !== one.member_id), one])
  const dropMute = (memberId: string): void => void (mutes.value = mutes.value.filter(({ member_id }) => member_id !== memberId))

  const mutedUntil = (memberId: string): string | null => mutes.value.find(({ member_id }) => member_id === memberId)?.until ?? null
  const isBanned = (memberId: string): boolean => bans.value.some((one) => one.member_id === memberId)
  const helps = (memberId: string): boolean => helpers.value.some((one) => one.member_id === memberId)

  async function mute({ member_id, name }: Who, minutes: number): Promise<void> {
    const was = mutes.value
    putMute({ member_id, name, by: '', until: new Date(serverNow() + minutes * 60_000).toISOString() })
    await optimistic(() => api(`${at}/mutes`, { body: { member_id, minutes } }), () => (mutes.value = was))
  }

  async function unmute({ member_id }: Pick<Who, 'member_id'>): Promise<void> {
    const was = mutes.value
    dropMute(member_id)
    await optimistic(() => api(`${at}/mutes/${member_id}`, { method: 'DELETE' }), () => (mutes.value = was))
  }

  /** Throws: the form says what is wrong. */
  async function ban(who: Who, order: BanOrder): Promise<void> {
    const made = await api<Ban>(`${at}/bans`, { body: { member_id: who.member_id, ...order } })
    bans.value = [made, ...bans.value.filter((one) => one.ban_id !== made.ban_id)]
    tellUndo(t('ban.done', { name: who.name }), () => void lift(made))
  }

  async function lift({ member_id }: Pick<Ban, 'member_id'>): Promise<void> {
    const was = bans.value
    bans.value = was.filter((one) => one.member_id !== member_id)
    await optimistic(() => api(`${at}/bans/${member_id}`, { method: 'DELETE' }), () => (bans.value = was))
  }

  async function appoint({ member_id, name }: Who): Promise<void> {
    const was = helpers.value
    helpers.value = [...was, { member_id, name, at: new Date().toISOString() }]
    const done = await optimistic(() => api(`${at}/moderators/${member_id}`, { method: 'PUT' }), () => (helpers.value = was))
    if (done) tellUndo(t('helpers.made', { name }), () => void dismiss({ member_id, name }, true))
  }

  async function dismiss({ member_id, name }: Who, quietly = false): Promise<void> {
    const was = helpers.value
    helpers.value = was.filter((one) => one.member_id !== member_id)
    const done = await optimistic(() => api(`${at}/moderators/${member_id}`, { method: 'DELETE' }), () => (helpers.value = was))
    if (done && !quietly) tellUndo(t('helpers.dropped', { name }), () => void appoint({ member_id, name }))
  }

  /** Counts from the next line on. */
  async function change(to: Partial<ChatSetting>, said: string | null): Promise<void> {
    const was = setting.value
    setting.value = { ...was, ...to }
    const done = await optimistic(() => api(`${at}/chat-setting`, { method: 'PATCH', body: to }), () => (setting.value = was))
    const back = Object.fromEntries(Object.keys(to).map((key) => [key, was[key as keyof ChatSetting]]))
    if (done && said) tellUndo(said, () => void change(back, null))
  }

  return { mutes, bans, helpers, setting, mutedUntil, isBanned, helps, mute, unmute, ban, lift, appoint, dismiss, change }
}

export type Moderating = ReturnType<typeof useModerating>
