/** A place in a topic's facts. Offsets count within an epoch; a new epoch means that the count began anew. */
export interface Position { epoch: number; offset: number }

export function parsePosition(text: string): Position | null {
  const match = /^(\d+)-(\d+)$/.exec(text)
  return match ? { epoch: Number(match[1]), offset: Number(match[2]) } : null
}

export function formatPosition(position: Position): string {
  return `${position.epoch}-${position.offset}`
}
