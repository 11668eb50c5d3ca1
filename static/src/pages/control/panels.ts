/** Where a room's panels stand: columns and a foot on a wide screen, one at a time on a phone. */
export type Area = 'show' | 'stage' | 'chat' | 'questions' | 'side' | 'curve' | 'stores'
export type Tab = 'stage' | 'show' | 'chat' | 'questions' | 'sale' | 'viewers' | 'figures'

export interface Layout {
  areas: Set<Area>
  tabs: Tab[]
  /** For `grid-template`: the areas' names, and the columns' widths where there is room and where there is less. */
  names: string
  columns: string
  narrow: string
}

/** `sale` and `viewers` share a column. */
const areaOf: Record<string, Area> = { show: 'show', stage: 'stage', chat: 'chat', questions: 'questions', sale: 'side', viewers: 'side', curve: 'curve', stores: 'stores' }
const feet: Area[] = ['curve', 'stores']
const widths: Record<string, [wide: string, narrow: string]> = {
  show: ['minmax(232px, 280px)', '248px'],
  stage: ['minmax(250px, 340px)', '250px'],
  side: ['minmax(252px, 300px)', '252px'],
}
const rest: [string, string] = ['minmax(0, 1fr)', 'minmax(0, 1fr)']

export function layoutOf(panels: readonly string[]): Layout {
  const areas = new Set(panels.flatMap((name) => areaOf[name] ?? []))
  areas.add('stage')
  const tops = [...areas].filter((area) => !feet.includes(area))
  const stretches = areas.has('chat') || areas.has('questions')
  const width = (area: Area): [string, string] => (area === 'stage' && !stretches ? rest : (widths[area] ?? rest))
  const rows = [tops.map(() => 'bar'), tops, footOf(areas, tops.length)].filter((row) => row.length)
  return {
    areas,
    tabs: tabsOf(panels, areas),
    names: rows.map((row) => `'${row.join(' ')}'`).join(' '),
    columns: tops.map((area) => width(area)[0]).join(' '),
    narrow: tops.map((area) => width(area)[1]).join(' '),
  }
}

function footOf(areas: Set<Area>, columns: number): Area[] {
  const here = feet.filter((area) => areas.has(area))
  const [first, last] = here
  if (!first) return []
  return Array.from({ length: columns }, (_, index) => (last && index === columns - 1 && columns > 1 ? last : first))
}

/** The picture comes first under a thumb. */
function tabsOf(panels: readonly string[], areas: Set<Area>): Tab[] {
  const side: Tab = panels.includes('sale') ? 'sale' : 'viewers'
  const tabs = [...areas].map((area): Tab => (area === 'side' ? side : area === 'curve' || area === 'stores' ? 'figures' : area))
  return [...new Set<Tab>(['stage', ...tabs])]
}
