/** The products named first, in that order; the others as they stood. */
export function arranged<T extends { product_id: string }>(cards: T[], named: readonly string[]): T[] {
  const place = new Map(named.map((id, at) => [id, at]))
  const at = (card: T): number => place.get(card.product_id) ?? named.length
  return [...cards].sort((a, b) => at(a) - at(b))
}
