import type { Clock, SocketLike } from './client.js'
import type { ClientFrame, ServerFrame } from './wire.js'

/** A socket whose far end is the test. */
export class FakeSocket implements SocketLike {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  readonly sent: ClientFrame[] = []
  closedWith: number | null = null

  constructor(readonly address: string) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text) as ClientFrame)
  }

  close(code?: number): void {
    this.closedWith = code ?? 1000
  }

  accept(): void {
    this.onopen?.()
  }

  deliver(frame: ServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }

  breakOff(code = 1006): void {
    this.onclose?.({ code, reason: '' })
  }
}

/** Time that passes only when told. */
export class FakeClock implements Clock {
  private time = 0
  private waiting: { at: number; act: () => void }[] = []

  now(): number {
    return this.time
  }

  later(ms: number, act: () => void): () => void {
    const entry = { at: this.time + ms, act }
    this.waiting.push(entry)
    return () => {
      this.waiting = this.waiting.filter((other) => other !== entry)
    }
  }

  pass(ms: number): void {
    const until = this.time + ms
    for (;;) {
      const next = this.waiting.filter((entry) => entry.at <= until).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.waiting = this.waiting.filter((entry) => entry !== next)
      this.time = next.at
      next.act()
    }
    this.time = until
  }
}
