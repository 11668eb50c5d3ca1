const shelf = 'showfloor.member'
let inMemory: string | null = null

/** The viewer's bearer token: kept across visits, or for this page alone where storage is refused. */
export function memberToken(): string | null {
  try {
    return localStorage.getItem(shelf) ?? inMemory
  } catch {
    return inMemory
  }
}

export function keepMemberToken(token: string | null): void {
  inMemory = token
  try {
    if (token) localStorage.setItem(shelf, token)
    else localStorage.removeItem(shelf)
  } catch {
    // Refused storage: inMemory serves.
  }
}
