import type { Card } from './room-client'

/** So many are pinned at once. */
export const mostPins = 3

/** All that is pinned, the one in front first. */
export const pinsOf = (front: Card | null, beside: Card[]): Card[] => (front ? [front, ...beside] : [])

/** The same products with the shelf's newest prices and stock. */
export const pinsAnew = (pins: Card[], shelf: Card[]): Card[] => pins.map((card) => shelf.find((one) => one.product_id === card.product_id) ?? card)

export const pinsWithout = (pins: Card[], { product_id }: Card): Card[] => pins.filter((one) => one.product_id !== product_id)

/** In front of the others; the one pinned longest gives way. */
export const pinsWith = (pins: Card[], card: Card): Card[] => [card, ...pinsWithout(pins, card)].slice(0, mostPins)
