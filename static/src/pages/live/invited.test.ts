import { expect, test } from 'vitest'
import { codeIn } from './invited'

test.each([
  ['4D3BUEXEJG5XZ7', '4D3BUEXEJG5XZ7'],
  [' 4d3buex ejg5xz7 ', '4D3BUEXEJG5XZ7'],
  ['４Ｄ３ＢＵＥＸ－ＥＪＧ５ＸＺ７', '4D3BUEXEJG5XZ7'],
  ['春茶上新，点开就能看\nhttps://shop.example/i/4D3BUEXEJG5XZ7?lang=zh', '4D3BUEXEJG5XZ7'],
  ['https://shop.example/live/01a2?i=4D3BUEXEJG5XZ7&lang=en', '4D3BUEXEJG5XZ7'],
  ['你好', ''],
])('a code is found in %j', (typed, code) => expect(codeIn(typed)).toBe(code))
