import { describe, expect, it } from 'vitest'
import { isQuestion } from './questions'

describe('a line that wants an answer', () => {
  it.each(['多少钱呀', '有没有大号的', '这个能退吗', '还有库存？', 'how much is it', 'Is it in stock'])('%s', (text) => {
    expect(isQuestion(text)).toBe(true)
  })
  it.each(['已拍', '主播好', 'lovely', '抢到了哈哈'])('not: %s', (text) => {
    expect(isQuestion(text)).toBe(false)
  })
})
