import type { Side, TalkLine } from './types'

/** The line in its place, by its number; a line that is there already is replaced. */
export function withLine(lines: TalkLine[], line: TalkLine): TalkLine[] {
  const others = lines.filter((one) => one.number !== line.number)
  const after = others.findIndex((one) => one.number > line.number)
  return after < 0 ? [...others, line] : [...others.slice(0, after), line, ...others.slice(after)]
}

/** Whether lines are missing before this one. */
export function leavesGap(lines: TalkLine[], line: TalkLine): boolean {
  const last = lines.at(-1)?.number ?? 0
  return line.number > last + 1
}

const recallMs = 2 * 60_000

/** The server decides; this shows the button for a few seconds less. */
export function canTakeBack(line: TalkLine, side: Side | null, now: number): boolean {
  return !line.recalled && line.by === side && now - new Date(line.at).getTime() < recallMs - 3_000
}

const pauseMs = 5 * 60_000

/** The time stands over a line that comes after a pause. */
export function afterPause(line: TalkLine, before: TalkLine | undefined): boolean {
  return !before || new Date(line.at).getTime() - new Date(before.at).getTime() > pauseMs
}

export function unreadText(n: number): string {
  return n > 99 ? '99+' : String(n)
}
