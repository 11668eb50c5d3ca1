import { beforeEach, describe, expect, test } from 'vitest'
import { RoomClient, RoomProblem, roomAddress, storeAddress, type RoomClientOptions } from './client.js'
import { FakeClock, FakeSocket } from './fake-socket.js'
import type { Batch, Fact, Snapshot, Talk, Topic, Welcome } from './wire.js'

const snapshot = { here: 3, likes: 9 } as Snapshot
const you = { member_id: 'm1', name: 'Li', role: 'member', muted_until: null }
const chat = (id: string): Talk => ({ kind: 'chat.said', id, member_id: 'm2', name: 'Wang', role: 'member', text: id, at: '' })

function welcome(more: Partial<Welcome> = {}): Welcome {
  return { type: 'welcome', v: 1, session: 's', you, positions: { room: '7-10', me: '7-2' }, resumed: {}, snapshot, talk: [], ...more }
}

function batch(position: string, offsets: number[], more: Partial<Batch> = {}): Batch {
  const facts = offsets.map((o) => ({ o, kind: 'sale.closed', data: { sale_id: `s${o}`, reason: 'time' } }))
  return { type: 'batch', topic: 'room', position, facts, ...more }
}

let sockets: FakeSocket[]
let clock: FakeClock
let client: RoomClient
let facts: Fact[]
const latest = (): FakeSocket => sockets[sockets.length - 1]!
const offsets = (): string[] => facts.map((fact) => fact.position)

beforeEach(() => {
  sockets = []
  clock = new FakeClock()
  facts = []
  client = makeClient({ invite: 'CODE' })
  client.on('fact', (fact) => facts.push(fact))
})

function makeClient(more: Partial<RoomClientOptions> = {}): RoomClient {
  return new RoomClient({
    address: () => `ws://room/${sockets.length}`,
    clock,
    random: () => 0.5,
    open: (address) => {
      sockets.push(new FakeSocket(address))
      return latest()
    },
    ...more,
  })
}

function enter(): FakeSocket {
  client.connect()
  latest().accept()
  latest().deliver(welcome())
  return latest()
}

/** Cut, wait, connect: everything up to the new socket's hello. */
function comeBack(code = 1006): FakeSocket {
  latest().breakOff(code)
  clock.pass(400)
  latest().accept()
  return latest()
}

describe('entering', () => {
  test('the first frame is a hello with the invitation and no positions', () => {
    client.connect()
    latest().accept()
    expect(latest().sent).toEqual([{ type: 'hello', v: 1, positions: {}, invite: 'CODE' }])
  })

  test('hello names the device, again after each drop', () => {
    client = makeClient({ device: 'Yk3vX0aQ' })
    enter()
    comeBack()
    expect(sockets.map((socket) => socket.sent[0])).toMatchObject([{ device: 'Yk3vX0aQ' }, { device: 'Yk3vX0aQ' }])
  })

  test('the snapshot is handed on and the room is open', () => {
    const seen: Snapshot[] = []
    client.on('snapshot', (one) => seen.push(one))
    enter()
    expect(seen).toEqual([snapshot])
    expect(client.state).toBe('open')
    expect(client.position('room')).toBe('7-10')
  })

  test('a typed listener hears its own kind only', () => {
    enter()
    const closed: string[] = []
    client.onFact('room', 'sale.closed', (data) => closed.push(data.sale_id))
    client.onFact('room', 'room.state', () => closed.push('wrong'))
    latest().deliver(batch('7-11', [11]))
    expect(closed).toEqual(['s11'])
  })

  test('a listener that left hears nothing', () => {
    enter()
    const heard: number[] = []
    const leave = client.on('here', (count) => heard.push(count))
    latest().deliver(batch('7-10', [], { here: 4 }))
    leave()
    latest().deliver(batch('7-10', [], { here: 5 }))
    expect(heard).toEqual([4])
  })

  test('a frame that is not JSON is let pass', () => {
    enter()
    latest().onmessage?.({ data: '{' })
    expect(client.state).toBe('open')
  })
})

describe('facts', () => {
  test('come in order with their positions', () => {
    enter()
    latest().deliver(batch('7-12', [11, 12]))
    expect(offsets()).toEqual(['7-11', '7-12'])
    expect(client.position('room')).toBe('7-12')
  })

  test('heard before are not told again', () => {
    enter()
    latest().deliver(batch('7-12', [11, 12]))
    latest().deliver(batch('7-13', [12, 13]))
    expect(offsets()).toEqual(['7-11', '7-12', '7-13'])
  })

  test('a hole makes the client resume at its last whole position', () => {
    const first = enter()
    latest().deliver(batch('7-11', [11]))
    latest().deliver(batch('7-14', [14]))
    expect(first.closedWith).toBe(4000)
    expect(offsets()).toEqual(['7-11'])
    latest().accept()
    expect(latest().sent[0]).toMatchObject({ positions: { room: '7-11', me: '7-2' } })
    latest().deliver(welcome({ resumed: { room: true, me: true }, snapshot: null, positions: { room: '7-14', me: '7-2' } }))
    latest().deliver(batch('7-14', [12, 13, 14]))
    expect(offsets()).toEqual(['7-11', '7-12', '7-13', '7-14'])
  })

  test('the same hole after resuming is taken as it is', () => {
    enter()
    latest().deliver(batch('7-14', [14]))
    latest().accept()
    latest().deliver(welcome({ resumed: { room: true, me: true }, snapshot: null }))
    latest().deliver(batch('7-14', [14]))
    expect(offsets()).toEqual(['7-14'])
    expect(sockets).toHaveLength(2)
  })

  test('a new epoch counts anew', () => {
    enter()
    latest().deliver(batch('8-1', [1]))
    expect(offsets()).toEqual(['8-1'])
  })

  test('topics are counted apart', () => {
    enter()
    latest().deliver({ ...batch('7-3', [3]), topic: 'me' as Topic })
    latest().deliver(batch('7-11', [11]))
    expect(client.position('me')).toBe('7-3')
    expect(client.position('room')).toBe('7-11')
  })
})

describe('after a drop', () => {
  test('it waits, comes back and says where it was', () => {
    enter().deliver(batch('7-11', [11]))
    latest().breakOff()
    expect(client.state).toBe('waiting')
    expect(sockets).toHaveLength(1)
    clock.pass(400)
    expect(sockets).toHaveLength(2)
    latest().accept()
    expect(latest().sent[0]).toEqual({ type: 'hello', v: 1, positions: { room: '7-11', me: '7-2' }, invite: 'CODE' })
  })

  test('a resumed topic keeps its own position until the missed facts come', () => {
    enter().deliver(batch('7-11', [11]))
    comeBack()
    latest().deliver(welcome({ resumed: { room: true, me: true }, snapshot: null, positions: { room: '7-13', me: '7-2' } }))
    expect(client.position('room')).toBe('7-11')
    latest().deliver(batch('7-13', [12, 13]))
    expect(offsets()).toEqual(['7-11', '7-12', '7-13'])
  })

  test('past the window a snapshot and new positions replace everything', () => {
    enter()
    comeBack()
    latest().deliver(welcome({ positions: { room: '9-400', me: '9-0' } }))
    expect(client.position('room')).toBe('9-400')
  })

  test('waits grow, and a welcome makes them short again', () => {
    client.connect()
    latest().breakOff()
    clock.pass(300)
    expect(sockets).toHaveLength(2)
    latest().breakOff()
    clock.pass(300)
    expect(sockets).toHaveLength(2)
    clock.pass(300)
    expect(sockets).toHaveLength(3)
    latest().accept()
    latest().deliver(welcome())
    latest().breakOff()
    clock.pass(300)
    expect(sockets).toHaveLength(4)
  })

  test('chat that came before is not shown twice', () => {
    const lines: string[] = []
    client.on('talk', (talk) => lines.push(...talk.map((line) => (line.kind === 'chat.said' ? line.id : line.kind))))
    client.connect()
    latest().accept()
    latest().deliver(welcome({ talk: [chat('a'), chat('b')] }))
    comeBack()
    latest().deliver(welcome({ talk: [chat('b'), chat('c')] }))
    expect(lines).toEqual(['a', 'b', 'c'])
  })

  test('each attempt asks for the address anew', () => {
    enter()
    comeBack()
    expect(sockets.map((socket) => socket.address)).toEqual(['ws://room/0', 'ws://room/1'])
  })

  test.each([4000, 4008, 4499, 1001, 1011, 1012])('close code %i comes back', (code) => {
    enter()
    comeBack(code)
    expect(sockets).toHaveLength(2)
  })

  test.each([4500, 4503, 4999])('close code %i stays away', (code) => {
    const over: number[] = []
    client.on('over', (end) => over.push(end.code))
    enter().breakOff(code)
    clock.pass(60_000)
    expect(sockets).toHaveLength(1)
    expect(client.state).toBe('over')
    expect(over).toEqual([code])
  })

  test('waking skips the wait', () => {
    enter().breakOff()
    client.wake()
    expect(sockets).toHaveLength(2)
    clock.pass(5_000)
    expect(sockets).toHaveLength(2)
  })

  test('a late event of the old socket changes nothing', () => {
    const old = enter()
    const onclose = old.onclose
    old.breakOff()
    client.wake()
    onclose?.({ code: 4500, reason: '' })
    expect(client.state).toBe('connecting')
  })
})

describe('a silent connection', () => {
  test('is pinged and, unanswered, given up', () => {
    const socket = enter()
    clock.pass(20_000)
    expect(socket.sent.filter((frame) => frame.type === 'ping')).toHaveLength(1)
    clock.pass(8_000)
    expect(socket.closedWith).toBe(4001)
    expect(client.state).toBe('waiting')
  })

  test('is kept when the pong comes', () => {
    const socket = enter()
    clock.pass(20_000)
    socket.deliver({ type: 'pong' })
    clock.pass(8_000)
    expect(client.state).toBe('open')
  })

  test('that never opens is tried again', () => {
    client.connect()
    clock.pass(8_000)
    expect(client.state).toBe('waiting')
    clock.pass(1_000)
    expect(sockets).toHaveLength(2)
  })
})

describe('saying', () => {
  test('resolves with the id that the server gave', async () => {
    const socket = enter()
    const said = client.say('hello')
    const frame = socket.sent[1] as { ref: string; text: string }
    expect(frame).toMatchObject({ type: 'say', text: 'hello' })
    expect(frame).not.toHaveProperty('reply_to')
    socket.deliver({ type: 'ack', ref: frame.ref, id: 'message-1', line: chat('message-1') })
    await expect(said).resolves.toEqual({ id: 'message-1', shown: true })
  })

  test('tells of a line that waits for a moderator that it is not shown', async () => {
    const heard: Talk[][] = []
    client.on('talk', (talk) => heard.push(talk))
    const socket = enter()
    const said = client.say('held')
    const { ref } = socket.sent[1] as { ref: string }
    socket.deliver({ type: 'ack', ref, id: 'message-2' })
    await expect(said).resolves.toEqual({ id: 'message-2', shown: false })
    expect(heard).toEqual([])
  })

  test('an answer names the line that it is for, also when it is sent again', () => {
    const first = enter()
    void client.say('yes', 'question-1')
    expect(first.sent[1]).toMatchObject({ type: 'say', text: 'yes', reply_to: 'question-1' })
    comeBack()
    latest().deliver(welcome({ resumed: { room: true, me: true }, snapshot: null }))
    expect(latest().sent[1]).toEqual(first.sent[1])
  })

  test('shows the writer’s own line even where the room samples it', () => {
    const heard: Talk[][] = []
    client.on('talk', (talk) => heard.push(talk))
    const socket = enter()
    void client.say('mine')
    const { ref } = socket.sent[1] as { ref: string }
    socket.deliver({ type: 'ack', ref, id: 'a', line: chat('a') })
    socket.deliver(batch('7-10', [], { talk: [chat('a')] }))
    expect(heard).toEqual([[chat('a')]])
  })

  test('rejects with the problem that the server told', async () => {
    const socket = enter()
    const said = client.say('hello')
    const { ref } = socket.sent[1] as { ref: string }
    socket.deliver({ type: 'problem', ref, problem: { slug: 'muted', status: 403 } })
    await expect(said).rejects.toMatchObject({ problem: { slug: 'muted' } })
  })

  test('while away is held and sent after the welcome, with its ref', () => {
    enter().breakOff()
    void client.say('one')
    void client.say('two')
    clock.pass(400)
    latest().accept()
    expect(latest().sent.map((frame) => frame.type)).toEqual(['hello'])
    latest().deliver(welcome({ resumed: { room: true, me: true }, snapshot: null }))
    expect(latest().sent.slice(1).map((frame) => (frame as { text: string }).text)).toEqual(['one', 'two'])
  })

  test('unanswered is sent again under the same ref, so that it is said once', () => {
    const first = enter()
    void client.say('once')
    comeBack()
    latest().deliver(welcome({ resumed: { room: true, me: true }, snapshot: null }))
    expect(latest().sent[1]).toEqual(first.sent[1])
  })

  test('held too long is given back', async () => {
    enter().breakOff()
    const said = client.say('old news')
    for (let i = 0; i < 12; i++) clock.pass(12_000)
    latest().accept()
    latest().deliver(welcome())
    await expect(said).rejects.toBeInstanceOf(RoomProblem)
    expect(latest().sent.some((frame) => frame.type === 'say')).toBe(false)
  })

  test('after closing is refused', async () => {
    enter()
    client.close()
    await expect(client.say('hello')).rejects.toMatchObject({ problem: { slug: 'offline' } })
    expect(client.state).toBe('over')
  })

  test('a problem without a ref is told to the page', () => {
    const slugs: string[] = []
    client.on('problem', (problem) => slugs.push(problem.slug))
    enter().deliver({ type: 'problem', problem: { slug: 'too-many-requests', status: 429 } })
    expect(slugs).toEqual(['too-many-requests'])
  })
})

test('hearts are summed into one frame each half second', () => {
  const socket = enter()
  client.like()
  client.like(2)
  clock.pass(500)
  client.like()
  clock.pass(500)
  expect(socket.sent.slice(1)).toEqual([
    { type: 'like', count: 3 },
    { type: 'like', count: 1 },
  ])
})

test('a welcome in mid-connection replaces the state like the first', () => {
  const seen: Snapshot[] = []
  client.on('snapshot', (one) => seen.push(one))
  enter().deliver(welcome({ positions: { room: '9-3', me: '9-0' } }))
  expect(seen).toHaveLength(2)
  expect(client.position('room')).toBe('9-3')
})

test('addresses follow the page and leave out what is missing', () => {
  expect(roomAddress('https://shop.example', 'r 1', { token: 'a&b', view: 'control' })).toBe(
    'wss://shop.example/ws/rooms/r%201?token=a%26b&view=control',
  )
  expect(storeAddress('http://127.0.0.1:8000', 's1', { token: null })).toBe('ws://127.0.0.1:8000/ws/stores/s1')
})
