import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import { api, type ApiProblem } from '@/shared/api'
import { caught, useTimer } from '@/shared/console/loading'
import type { RoomClient } from '@/shared/room-client'
import { Moves } from './moves'
import type { BoardQuery, RoomBoard } from './types'

/** The nudge comes once a second at most, with the first change of that second: what came after it is read a little later. */
const readAtMs = [0, 350, 700, 1_050]
const readEveryMs = 5_000

/** A room's board, read anew whenever the room's control topic says that it changed, and now and then anyway. */
export function useBoard(asked: () => BoardQuery | null, client?: RoomClient) {
  const board = shallowRef<RoomBoard | null>(null)
  const moved = shallowRef(new Map<string, number>())
  const problem = shallowRef<ApiProblem | null>(null)
  const moves = new Moves()
  let round = 0

  async function load(): Promise<void> {
    const query = asked()
    if (!query) return void (board.value = null)
    const { roomId, by, sort, storeId, named, limit } = query
    const mine = ++round
    try {
      const answer = await api<RoomBoard>(`/api/rooms/${roomId}/board`, { query: { by, sort, store_id: storeId, named, limit } })
      if (mine !== round) return
      if (named) moved.value = new Map()
      else moved.value = moves.take(answer.items, Date.now())
      board.value = answer
      problem.value = null
    } catch (reason) {
      if (mine === round) problem.value = caught(reason)
    }
  }

  let waiting: ReturnType<typeof setTimeout>[] = []
  function loadSoon(): void {
    waiting.forEach(clearTimeout)
    waiting = readAtMs.map((ms) => setTimeout(() => document.hidden || load(), ms))
  }

  client?.onFact('control', 'board.changed', loadSoon)
  useTimer(readEveryMs, load)
  onScopeDispose(() => waiting.forEach(clearTimeout))

  const key = computed(() => JSON.stringify(asked()))
  const fresh = ref(false)
  watch(
    key,
    async () => {
      moves.forget()
      fresh.value = false
      await load()
      fresh.value = true
    },
    { immediate: true },
  )
  return { board, moved, problem, fresh, load, loadSoon }
}

export type Board = ReturnType<typeof useBoard>
