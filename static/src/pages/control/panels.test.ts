import { describe, expect, it } from 'vitest'
import { layoutOf } from './panels'

const selling = ['show', 'stage', 'chat', 'sale', 'viewers', 'curve', 'stores']

describe('where panels stand', () => {
  it('has the selling room as four columns over a curve', () => {
    const { names, tabs } = layoutOf(selling)
    expect(names).toBe("'bar bar bar bar' 'show stage chat side' 'curve curve curve stores'")
    expect(tabs).toEqual(['stage', 'show', 'chat', 'sale', 'figures'])
  })

  it('leaves out what is not shown', () => {
    const { names, tabs, areas } = layoutOf(['stage', 'questions', 'chat', 'viewers', 'curve'])
    expect(names).toBe("'bar bar bar bar' 'stage questions chat side' 'curve curve curve curve'")
    expect(tabs).toEqual(['stage', 'questions', 'chat', 'viewers', 'figures'])
    expect(areas.has('show')).toBe(false)
  })

  it('never leaves out the picture, which stretches where nothing else does', () => {
    const { names, columns } = layoutOf(['show'])
    expect(names).toBe("'bar bar' 'show stage'")
    expect(columns).toBe('minmax(232px, 280px) minmax(0, 1fr)')
  })

  it('ignores panels of a newer server', () => expect(layoutOf([...selling, 'raffle'])).toEqual(layoutOf(selling)))
})
