import type { RoomClient, You } from '@/shared/room-client'
import { useQuestions } from './asked'
import { useChat } from './chat'
import { useHeld } from './held'
import { useModerating } from './moderating'

/** All that the chat column works with. */
export function useChatDesk(roomId: string, client: RoomClient, you: () => You | null) {
  return {
    roomId,
    you,
    chat: useChat(roomId, client, you),
    asked: useQuestions(roomId, client),
    review: useHeld(roomId, client),
    moderating: useModerating(roomId, client),
  }
}

export type ChatDesk = ReturnType<typeof useChatDesk>
