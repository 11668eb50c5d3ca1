import { Backoff } from './backoff.js'
import { formatPosition, parsePosition, type Position } from './position.js'
import type { Batch, ClientFrame, Fact, FactKinds, Problem, ServerFrame, Snapshot, Talk, Topic, Welcome } from './wire.js'

/** The part of a WebSocket that the client uses; tests hand in their own. */
export interface SocketLike {
  onopen: (() => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
  send(text: string): void
  close(code?: number, reason?: string): void
}

export interface Clock {
  now(): number
  /** Runs `act` once after `ms`; the answer cancels it. */
  later(ms: number, act: () => void): () => void
}

export interface RoomClientOptions {
  /** Address of the socket, asked anew at each attempt, because the token may have changed. */
  address: () => string
  invite?: string
  /** A random name that this browser made up for itself. */
  device?: string
  open?: (address: string) => SocketLike
  clock?: Clock
  random?: () => number
}

/** `waiting` = cut off, next attempt scheduled; `over` = the server asked not to come back, or close() was called. */
export type ConnectionState = 'idle' | 'connecting' | 'open' | 'waiting' | 'over'

export interface RoomEvents {
  state: ConnectionState
  welcome: Welcome
  snapshot: Snapshot
  fact: Fact
  talk: Talk[]
  here: number
  likes: number
  problem: Problem
  over: { code: number; reason: string }
}

/** A line that the server refused, or that could not be sent in time (slug `offline`). */
export class RoomProblem extends Error {
  constructor(readonly problem: Problem) {
    super(problem.slug)
    this.name = 'RoomProblem'
  }
}

/** `shown` is false for a line that waits for a moderator. */
export interface Said {
  id: string
  shown: boolean
}

interface Line {
  ref: string
  text: string
  replyTo: string | undefined
  since: number
  sent: boolean
  resolve: (said: Said) => void
  reject: (reason: RoomProblem) => void
}

const pingEveryMs = 20_000
const pongWithinMs = 8_000
const likesEveryMs = 500
const mostLikes = 100
const mostQueued = 30
const keepQueuedMs = 120_000

export const noReturn = (code: number): boolean => code >= 4500 && code <= 4999

const browserClock: Clock = {
  now: () => Date.now(),
  later(ms, act) {
    const timer = setTimeout(act, ms)
    return () => clearTimeout(timer)
  },
}

/**
 * One room's (or store's) socket: comes back by itself, resumes each topic at its position, delivers every fact once
 * and in order, and holds what was said while away. It knows nothing of the page.
 */
export class RoomClient {
  state: ConnectionState = 'idle'
  private socket: SocketLike | null = null
  private welcomed = false
  private readonly positions = new Map<Topic, Position>()
  private readonly lines = new Map<string, Line>()
  private readonly heard = new Set<string>()
  private readonly listeners = new Map<keyof RoomEvents, Set<(value: never) => void>>()
  private readonly backoff: Backoff
  private readonly clock: Clock
  private readonly seed: string
  private refs = 0
  private pendingLikes = 0
  private cancelLikes: (() => void) | null = null
  private cancelReturn: (() => void) | null = null
  private cancelPing: (() => void) | null = null
  private cancelPong: (() => void) | null = null
  private mended: string | null = null

  constructor(private readonly options: RoomClientOptions) {
    const random = options.random ?? Math.random
    this.clock = options.clock ?? browserClock
    this.backoff = new Backoff(random)
    this.seed = Math.floor(random() * 36 ** 6).toString(36).padStart(6, '0')
  }

  on<E extends keyof RoomEvents>(event: E, listener: (value: RoomEvents[E]) => void): () => void {
    const all = this.listeners.get(event) ?? new Set()
    this.listeners.set(event, all)
    all.add(listener as (value: never) => void)
    return () => all.delete(listener as (value: never) => void)
  }

  /** Listens to one kind of fact, typed: `onFact('room', 'sale.stock', ({ sale_id, lines }) => …)`. */
  onFact<T extends Topic, K extends keyof FactKinds[T]>(
    topic: T,
    kind: K,
    listener: (data: FactKinds[T][K], position: string) => void,
  ): () => void {
    return this.on('fact', (fact) => {
      if (fact.topic === topic && fact.kind === kind) listener(fact.data as FactKinds[T][K], fact.position)
    })
  }

  connect(): void {
    if (this.state === 'connecting' || this.state === 'open') return
    this.cancelReturn?.()
    this.cancelReturn = null
    this.enter('connecting')
    const open = this.options.open ?? ((address: string) => new WebSocket(address) as unknown as SocketLike)
    const socket = open(this.options.address())
    this.socket = socket
    socket.onopen = () => this.greet(socket)
    socket.onmessage = (event) => this.socket === socket && this.receive(String(event.data))
    socket.onclose = (event) => this.socket === socket && this.lose(event.code, event.reason)
    // A network that swallows packets opens nothing and closes nothing.
    this.expectWithin(pongWithinMs)
  }

  /** The network came back or the page became visible: no need to sit out the wait. */
  wake(): void {
    if (this.state === 'waiting') {
      this.backoff.reset()
      this.connect()
    } else if (this.state === 'open') {
      this.ping()
    }
  }

  /** A new connection with what `address()` says now (another token), resuming where this one was. */
  reconnect(): void {
    if (this.state === 'over') return
    this.drop(4000, 'again')
    this.backoff.reset()
    this.connect()
  }

  close(): void {
    this.drop(1000, '')
    this.enter('over')
    for (const line of [...this.lines.values()]) this.refuse(line, offline)
  }

  /** Resolves once the server has the line; rejects with RoomProblem. Held while the connection is away. `replyTo` is
   * the id of the line that this one answers. */
  say(text: string, replyTo?: string): Promise<Said> {
    return new Promise((resolve, reject) => {
      if (this.state === 'over' || this.lines.size >= mostQueued) return reject(new RoomProblem(offline))
      const ref = `c${this.seed}-${++this.refs}`
      const line: Line = { ref, text, replyTo, since: this.clock.now(), sent: false, resolve, reject }
      this.lines.set(ref, line)
      if (this.welcomed) this.sendLine(line)
    })
  }

  /** Summed and sent as one frame each half second; those given while away are let go. */
  like(count = 1): void {
    this.pendingLikes += count
    this.cancelLikes ??= this.clock.later(likesEveryMs, () => {
      this.cancelLikes = null
      const given = this.pendingLikes
      this.pendingLikes = 0
      if (this.welcomed && given) this.send({ type: 'like', count: Math.min(given, mostLikes) })
    })
  }

  position(topic: Topic): string | null {
    const position = this.positions.get(topic)
    return position ? formatPosition(position) : null
  }

  private greet(socket: SocketLike): void {
    if (this.socket !== socket) return
    const positions: Partial<Record<Topic, string>> = {}
    for (const [topic, position] of this.positions) positions[topic] = formatPosition(position)
    const { invite, device } = this.options
    this.send({ type: 'hello', v: 1, positions, ...(invite ? { invite } : {}), ...(device ? { device } : {}) })
  }

  private receive(text: string): void {
    let frame: ServerFrame
    try {
      frame = JSON.parse(text) as ServerFrame
    } catch {
      return
    }
    this.cancelPong?.()
    this.cancelPong = null
    if (frame.type === 'welcome') this.welcome(frame)
    else if (frame.type === 'batch') this.batch(frame)
    else if (frame.type === 'ack') this.acknowledge(frame.ref, frame.id, frame.line)
    else if (frame.type === 'problem') this.trouble(frame.ref, frame.problem)
  }

  private welcome(frame: Welcome): void {
    for (const [topic, text] of Object.entries(frame.positions) as [Topic, string][]) {
      const position = parsePosition(text)
      // A resumed topic keeps our position: what was missed follows as batches.
      if (position && !frame.resumed[topic]) this.positions.set(topic, position)
    }
    this.welcomed = true
    this.backoff.reset()
    this.enter('open')
    this.emit('welcome', frame)
    if (frame.snapshot) this.emit('snapshot', frame.snapshot)
    this.hear(frame.talk)
    this.schedulePing()
    for (const line of [...this.lines.values()]) {
      if (this.clock.now() - line.since > keepQueuedMs) this.refuse(line, offline)
      else this.sendLine(line)
    }
  }

  private batch(frame: Batch): void {
    const now = parsePosition(frame.position)
    if (now && !this.takeFacts(frame, now)) return
    if (frame.talk?.length) this.hear(frame.talk)
    if (frame.here !== undefined) this.emit('here', frame.here)
    if (frame.likes !== undefined) this.emit('likes', frame.likes)
  }

  /** False when facts before these are missing: then the connection is opened again at the last whole position. */
  private takeFacts(frame: Batch, now: Position): boolean {
    for (const fact of frame.facts ?? []) {
      const last = this.positions.get(frame.topic)
      if (last && last.epoch === now.epoch) {
        if (fact.o <= last.offset) continue
        if (fact.o > last.offset + 1 && this.mend(frame.topic, last)) return false
      }
      const position = { epoch: now.epoch, offset: fact.o }
      this.positions.set(frame.topic, position)
      this.emit('fact', { topic: frame.topic, kind: fact.kind, data: fact.data, position: formatPosition(position) } as Fact)
    }
    const last = this.positions.get(frame.topic)
    if (!last || last.epoch !== now.epoch || last.offset < now.offset) this.positions.set(frame.topic, now)
    return true
  }

  /** Once for each hole: a hole that is still there after resuming is the server's last word. */
  private mend(topic: Topic, last: Position): boolean {
    const hole = `${topic} ${formatPosition(last)}`
    if (this.mended === hole) return false
    this.mended = hole
    this.reconnect()
    return true
  }

  private hear(talk: Talk[]): void {
    const fresh = talk.filter((line) => {
      if (line.kind !== 'chat.said') return true
      if (this.heard.has(line.id)) return false
      this.heard.add(line.id)
      return true
    })
    for (const id of this.heard) {
      if (this.heard.size <= 400) break
      this.heard.delete(id)
    }
    if (fresh.length) this.emit('talk', fresh)
  }

  private acknowledge(ref: string, id: string, own?: Talk): void {
    if (own) this.hear([own])
    const line = this.lines.get(ref)
    if (!line) return
    this.lines.delete(ref)
    line.resolve({ id, shown: own !== undefined })
  }

  private trouble(ref: string | undefined, problem: Problem): void {
    const line = ref === undefined ? undefined : this.lines.get(ref)
    if (line) this.refuse(line, problem)
    else this.emit('problem', problem)
  }

  private refuse(line: Line, problem: Problem): void {
    this.lines.delete(line.ref)
    line.reject(new RoomProblem(problem))
  }

  private sendLine(line: Line): void {
    line.sent = true
    this.send({ type: 'say', ref: line.ref, text: line.text, ...(line.replyTo ? { reply_to: line.replyTo } : {}) })
  }

  private send(frame: ClientFrame): void {
    this.socket?.send(JSON.stringify(frame))
  }

  private schedulePing(): void {
    this.cancelPing?.()
    this.cancelPing = this.clock.later(pingEveryMs, () => {
      this.ping()
      this.schedulePing()
    })
  }

  private ping(): void {
    this.send({ type: 'ping' })
    this.expectWithin(pongWithinMs)
  }

  private expectWithin(ms: number): void {
    this.cancelPong?.()
    this.cancelPong = this.clock.later(ms, () => this.lose(4001, 'silent', true))
  }

  private lose(code: number, reason: string, hangUp = false): void {
    this.drop(code, reason, hangUp)
    if (noReturn(code)) {
      this.enter('over')
      this.emit('over', { code, reason })
      for (const line of [...this.lines.values()]) this.refuse(line, offline)
      return
    }
    this.enter('waiting')
    this.cancelReturn = this.clock.later(this.backoff.next(), () => this.connect())
  }

  private drop(code: number, reason: string, hangUp = true): void {
    const socket = this.socket
    this.socket = null
    this.welcomed = false
    this.cancelPing?.()
    this.cancelPong?.()
    this.cancelReturn?.()
    this.cancelPing = this.cancelPong = this.cancelReturn = null
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null
      if (hangUp) socket.close(code, reason)
    }
    if (this.state === 'open' || this.state === 'connecting') this.enter('waiting')
  }

  private enter(state: ConnectionState): void {
    if (this.state === state) return
    this.state = state
    this.emit('state', state)
  }

  private emit<E extends keyof RoomEvents>(event: E, value: RoomEvents[E]): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) (listener as (value: RoomEvents[E]) => void)(value)
  }
}

const offline: Problem = { slug: 'offline', status: 0 }

/** Address of a room's socket on the page's own server. */
export function roomAddress(origin: string, room: string, query: { token?: string | null; view?: 'control' } = {}): string {
  return socketAddress(origin, `/ws/rooms/${encodeURIComponent(room)}`, query)
}

export function storeAddress(origin: string, store: string, query: { token?: string | null } = {}): string {
  return socketAddress(origin, `/ws/stores/${encodeURIComponent(store)}`, query)
}

function socketAddress(origin: string, path: string, query: Record<string, string | null | undefined>): string {
  const address = new URL(path, origin.replace(/^http/, 'ws'))
  for (const [name, value] of Object.entries(query)) if (value) address.searchParams.set(name, value)
  return address.toString()
}
