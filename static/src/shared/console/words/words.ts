import type { WordEffect } from '@/shared/types'

export const effects: WordEffect[] = ['refuse', 'review', 'allow']

/** Only what is written in Chinese is also looked for by its sound, and not by the sound of one character. */
export function hasSound(pattern: string): boolean {
  const pieces = pattern.split(/[?*？＊]+/).map((piece) => piece.match(/[\p{L}\p{N}]/gu) ?? []).filter((letters) => letters.length)
  return /\p{Script=Han}/u.test(pattern) && pieces.every((letters) => letters.length > 1)
}
