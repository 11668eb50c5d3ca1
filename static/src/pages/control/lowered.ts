/** A price so many percent lower, rounded down to ten fen as prices are spoken; never nothing. */
export function lowered(price_minor: number, percent: number): number {
  const exact = Math.floor((price_minor * (100 - percent)) / 100)
  return Math.max(1, exact - (exact > 10 ? exact % 10 : 0))
}
