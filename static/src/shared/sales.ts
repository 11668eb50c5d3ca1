import type { RoomFacts, Sale, SaleLine } from './room-client'

/** What is paid for, and what comes with it. */
export const boughtOf = (sale: Sale): SaleLine[] => sale.lines.filter((line) => !line.gift)
export const giftsOf = (sale: Sale): SaleLine[] => sale.lines.filter((line) => line.gift)

/** Of one, when so many are bought: all at the first price while the last of them is still among the first. */
export function priceOf(line: SaleLine, quantity: number): number {
  if (!line.first) return line.price_minor
  return quantity <= line.first.left ? line.first.price_minor : line.first.then_minor
}

export function takeStock(sales: readonly Sale[], { sale_id, lines }: RoomFacts['sale.stock']): void {
  const sale = sales.find((one) => one.sale_id === sale_id)
  for (const line of sale?.lines ?? []) {
    const told = lines.find((one) => one.sku_id === line.sku_id)
    if (!told) continue
    Object.assign(line, told, { total: told.free + told.held + told.sold })
    if (line.first) line.first.left = Math.max(0, line.first.units - told.held - told.sold)
  }
}

export function takePrice(sales: readonly Sale[], { sale_id, sku_id, price_minor, was_minor }: RoomFacts['sale.priced']): void {
  const line = sales.find((one) => one.sale_id === sale_id)?.lines.find((one) => one.sku_id === sku_id)
  if (line) Object.assign(line, { price_minor, was_minor })
}
