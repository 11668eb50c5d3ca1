import { describe, expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import type { Card, ChatLine, Sale } from '@/shared/room-client'
import type { KeptLine, ModerationAct } from '@/shared/types'
import zh from '../i18n/zh-CN.json'
import { actWords, span } from './acts'
import { aboutOf, answersTo, withAnswer } from './answers'
import { askers, entryOf, firstPage, joined, queued, type Question } from './lines'

const { t } = createI18n({ legacy: false, locale: 'zh-CN', messages: { 'zh-CN': zh } }).global

const line = (id: string, at = 1): ChatLine => ({ id, member_id: 'v1', name: '小王', role: 'member', text: `第 ${at} 句`, at: `2025-11-11T12:00:0${at}Z` })
const sku = (sku_id: string, title: string, price_minor: number, free: number) => ({ sku_id, title, price_minor, free })
const tea: Card = { product_id: 'p1', title: '龙井礼盒', image: null, price_minor: 2990, was_minor: null, position: 1, skus: [sku('s1', '250g', 2990, 12), sku('s2', '500g', 5600, 0)] }
const cup: Card = { ...tea, product_id: 'p2', title: '茶具', skus: [sku('s3', '', 12900, 3)] }
const sale = (product_id: string, sku_id: string, price_minor: number, free: number): Sale => ({
  sale_id: 'f1', title: '', kind: 'flash_price', waiting: 0, state: 'open', opens_at: null, ends_at: null, limit_per_buyer: 1, hold_seconds: 300,
  lines: [{ sku_id, product_id, title: '', image: null, price_minor, was_minor: null, total: 9, free, held: 0, sold: 0, gift: false, per_unit: 1, first: null }],
})
const tap = (about: string, card: Card | null, sales: Sale[] = []): string | undefined => answersTo(aboutOf(about), card, sales, {}, t as never)[0]

describe('one tap answers', () => {
  it('a price with every variant, and the sale’s where one is open', () => {
    expect(tap('price', tea)).toBe('龙井礼盒：250g ¥29.90，500g ¥56')
    expect(tap('price', cup)).toBe('茶具：¥129')
    expect(tap('price', tea, [sale('p1', 's1', 1990, 4)])).toBe('龙井礼盒：250g 抢购价 ¥19.90，平时 ¥29.90，500g ¥56')
    expect(tap('price', tea, [sale('p1', 's1', 1990, 0)])).toBe('龙井礼盒：250g ¥29.90，500g ¥56')
  })
  it('sizes with what is left of them', () => {
    expect(tap('size', tea)).toBe('龙井礼盒有 250g，500g 已售罄')
    expect(tap('size', cup)).toBeUndefined()
  })
  it('stock', () => {
    expect(tap('stock', tea)).toBe('龙井礼盒：250g 还有 12 件，500g 已售罄')
    expect(tap('stock', cup)).toBe('茶具 还有 3 件')
    expect(tap('stock', { ...cup, skus: [sku('s3', '', 12900, 0)] })).toBe('茶具 已售罄')
    expect(tap('stock', cup, [sale('p2', 's3', 9900, 5)])).toBe('茶具 还有 3 件，抢购还剩 5 件')
  })
  it('nothing that it can’t know', () => {
    expect(tap('price', null)).toBeUndefined()
    expect(tap('delivery', tea)).toBeUndefined()
    expect(tap('a kind of tomorrow', tea)).toBeUndefined()
  })
  it('with what was answered last, for what holds in the whole shop', () => {
    let kept = {}
    for (const text of ['明天发', '今天发', '顺丰', '包邮', '今天发']) kept = withAnswer(kept, 'delivery', text)
    expect(answersTo('delivery', null, [], kept, t as never)).toEqual(['今天发', '包邮', '顺丰'])
    expect(withAnswer(kept, 'price', '29.9')).toBe(kept)
  })
})

describe('the queue of questions', () => {
  const asked = (group: string, count = 1, names = ['小王']): Question => ({ group, message: line(group), about: 'price', count, names })
  const page = (groups: string[], next: string | null) => ({ items: groups.map((group) => ({ ...asked(group), asked_at: '', settled_at: null, answer_id: null })), next })
  const groups = (all: Question[]): string[] => all.map(({ group }) => group)

  it('has each once, who asked first first', () => {
    expect(groups(queued([asked('b')], [asked('c'), asked('a'), asked('b')]))).toEqual(['a', 'b', 'c'])
  })
  it('names who asks the same, the newest first', () => {
    const three = ['小林', '小王', '阿明'].reduce((known, name) => joined(known, { name }), asked('a'))
    expect(three).toMatchObject({ count: 4, names: ['阿明', '小王', '小林'] })
    expect(joined(three, { name: '晚晚' }).names).toEqual(['晚晚', '阿明', '小王'])
  })
  it('tells people from lines', () => {
    expect(askers({ count: 2, names: ['小王'] })).toBe(1)
    expect(askers({ count: 3, names: ['小王', '阿明'] })).toBe(2)
    expect(askers({ count: 9, names: ['小王', '阿明', '晚晚'] })).toBe(9)
  })
  it('read again, loses what is no more and keeps older pages', () => {
    const known = ['a', 'b', 'c', 'd'].map((group) => asked(group))
    expect(groups(firstPage(known, page(['d', 'b'], 'b')))).toEqual(['a', 'b', 'd'])
    expect(groups(firstPage(known, page(['d'], null)))).toEqual(['d'])
    expect(firstPage(known, page([], null))).toEqual([])
  })
})

describe('lines that were read from the server', () => {
  it('are as they were heard', () => {
    const quoted = { id: 'a', member_id: 'v1', name: '小王', text: '第 1 句' }
    const kept: KeptLine = { ...line('b'), state: 'shown', why: null, pattern: null, always: false, reply_to: 'a', quoted, deleted_at: '2025-11-11T12:00:09Z' }
    expect(entryOf(kept)).toEqual({ ...line('b'), always: false, reply_to: quoted, deleted: true, pending: false })
    expect(entryOf({ ...kept, quoted: null, deleted_at: null })).toEqual({ ...line('b'), always: false, deleted: false, pending: false })
  })
})

describe('the log says', () => {
  const act = (more: Partial<ModerationAct>): ModerationAct => ({ act_id: 'x', act: 'delete', at: '', actor: '李娜', target_id: 'm1', target: '', note: '', detail: {}, undone: false, ...more })
  const words = (more: Partial<ModerationAct>) => actWords(act({ target: '小王', ...more }), t as never)

  it('whose line', () => {
    expect(words({ note: '加微信' })).toEqual({ said: '删除了 小王 的发言', about: '加微信' })
    expect(words({ act: 'put_aside', target: '', note: '有货吗' })).toEqual({ said: '忽略了 有人 的提问', about: '有货吗' })
  })
  it('whom, for how long', () => {
    expect(words({ act: 'mute', target: '小王', note: '10 min' })).toEqual({ said: '禁言了 小王', about: '10 分钟' })
    expect(words({ act: 'ban', target: '小王', note: '刷屏' })).toEqual({ said: '移出了 小王', about: '刷屏' })
    expect([59, 120, 1_440, 10_080].map((minutes) => span(minutes, t as never))).toEqual(['59 分钟', '2 小时', '1 天', '7 天'])
  })
  it('what was changed of the settings', () => {
    const detail = { before: { pre_review: false, links: false, slow_s: 0 }, after: { pre_review: true, links: false, slow_s: 10 } }
    expect(words({ act: 'setting', detail })).toEqual({ said: '改了聊天设置', about: '先审后发 关 → 开，慢速模式 关 → 10 秒' })
  })
  it('what it doesn’t know, as it came', () => expect(words({ act: 'sang', note: 'la' })).toEqual({ said: 'sang', about: 'la' }))
})
