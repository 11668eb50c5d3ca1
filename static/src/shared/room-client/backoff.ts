/** Waits of 0.4 s doubling to 12 s, each drawn from its upper half, so that a crowd cut off together doesn't come back together. */
export class Backoff {
  private tries = 0

  constructor(
    private readonly random: () => number = Math.random,
    private readonly firstMs = 400,
    private readonly longestMs = 12_000,
  ) {}

  next(): number {
    const wait = Math.min(this.longestMs, this.firstMs * 2 ** this.tries++)
    return Math.round(wait * (0.5 + this.random() / 2))
  }

  reset(): void {
    this.tries = 0
  }
}
