/** A part of a text, by code points. */
export interface Span { start: number; end: number }

export function cut(text: string, { start, end }: Span): { before: string; hit: string; after: string } {
  const chars = [...text]
  return { before: chars.slice(0, start).join(''), hit: chars.slice(start, end).join(''), after: chars.slice(end).join('') }
}

const between = '[^\\p{L}\\p{N}]*'
const farthest = 8

function shapeOf(pattern: string): RegExp | null {
  const parts: string[] = []
  for (const char of pattern.normalize('NFKC').toLowerCase()) {
    if (char === '?') parts.push('[^]')
    else if (char === '*') parts.push(`[^]{0,${farthest}}?`)
    else if (/[\p{L}\p{N}]/u.test(char)) parts.push(char)
  }
  return parts.length ? new RegExp(parts.join(between), 'u') : null
}

/**
 * Where a word stands in a line as it is written, whatever lies between its letters. Null where the server found it in
 * another way: by its sound, or by letters that look alike.
 */
export function findWord(text: string, pattern: string): Span | null {
  const shape = shapeOf(pattern)
  if (!shape) return null
  const chars = [...text]
  let folded = ''
  const places: number[] = []
  chars.forEach((char, at) => {
    for (const part of char.normalize('NFKC').toLowerCase()) {
      folded += part
      places.push(...Array.from(part, () => at), ...(part.length > 1 ? [at] : []))
    }
  })
  const found = shape.exec(folded)
  if (!found?.[0]) return null
  return { start: places[found.index]!, end: places[found.index + found[0].length - 1]! + 1 }
}
