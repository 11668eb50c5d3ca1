const shelf = 'showfloor.device'
let inMemory: string | null = null

function makeUp(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_')
}

/** A random name that this browser made up for itself; where storage is refused it lasts for the page. */
export function deviceName(): string {
  if (inMemory) return inMemory
  try {
    inMemory = localStorage.getItem(shelf) ?? makeUp()
    localStorage.setItem(shelf, inMemory)
  } catch {
    inMemory ??= makeUp()
  }
  return inMemory
}
