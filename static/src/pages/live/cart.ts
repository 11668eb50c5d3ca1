import { computed, reactive, ref } from 'vue'

/** `price_minor` is the price that the viewer last saw. */
export interface CartLine { sku_id: string; title: string; image: string | null; price_minor: number; quantity: number }

const mostLines = 50
const mostUnits = 99

/** Some products to be bought at once, kept on this device for each room; what they cost is the server's to say. */
export function useCart(room: string) {
  const shelf = `showfloor.cart.${room}`
  const lines = reactive<CartLine[]>(kept(shelf))
  /** Rises when an order of these lines was refused. */
  const refused = ref(0)
  const units = computed(() => lines.reduce((sum, line) => sum + line.quantity, 0))

  function keep(): void {
    try {
      localStorage.setItem(shelf, JSON.stringify(lines))
    } catch {
      // Refused storage: the cart lasts as long as the page.
    }
  }

  function put(line: CartLine, at = lines.length): void {
    lines.splice(at, 0, line)
    keep()
  }

  /** False when the cart is full. */
  function add(line: CartLine): boolean {
    const there = lines.find((one) => one.sku_id === line.sku_id)
    if (!there && lines.length >= mostLines) return false
    if (there) Object.assign(there, line, { quantity: Math.min(mostUnits, there.quantity + line.quantity) })
    else lines.push(line)
    keep()
    return true
  }

  function change(sku_id: string, to: Partial<CartLine>): void {
    const line = lines.find((one) => one.sku_id === sku_id)
    if (!line) return
    Object.assign(line, to)
    line.quantity = Math.max(1, Math.min(mostUnits, line.quantity))
    keep()
  }

  /** What was taken out, with the way back to its place. */
  function remove(sku_id: string): (() => void) | null {
    const at = lines.findIndex((one) => one.sku_id === sku_id)
    const [line] = at < 0 ? [] : lines.splice(at, 1)
    keep()
    return line ? () => put(line, at) : null
  }

  function empty(): void {
    lines.splice(0)
    keep()
  }

  return reactive({ lines, units, refused, add, change, remove, empty })
}

export type Cart = ReturnType<typeof useCart>

function kept(shelf: string): CartLine[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(shelf) ?? '[]')
    return Array.isArray(found) ? found.filter(isLine).slice(0, mostLines) : []
  } catch {
    return []
  }
}

function isLine(one: unknown): one is CartLine {
  const { sku_id, title, price_minor, quantity } = (one ?? {}) as Partial<CartLine>
  return typeof sku_id === 'string' && typeof title === 'string' && Number.isInteger(price_minor) && Number.isInteger(quantity) && quantity! >= 1 && quantity! <= mostUnits
}
