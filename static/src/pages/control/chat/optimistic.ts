import { tellProblem } from '@/shared/console/tell'

/** What was shown at once is taken back when the server refuses; false then. */
export async function optimistic(act: () => Promise<unknown>, takeBack: () => unknown): Promise<boolean> {
  try {
    await act()
    return true
  } catch (reason) {
    takeBack()
    tellProblem(reason)
    return false
  }
}
