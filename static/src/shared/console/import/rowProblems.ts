import { useI18n } from 'vue-i18n'

/** The server says in English what is wrong with a row; each of its sentences has a text of ours. */
const sentences: [RegExp, string][] = [
  [/^an amount such as/, 'price'],
  [/^at most (\d+)$/, 'tooMuch'],
  [/^at most (\d+) characters/, 'tooLong'],
  [/^at most (\d+) letters/, 'letters'],
  [/^at least one letter or digit/, 'letterless'],
  [/^refuse, review or allow/, 'effect'],
  [/^yes or no/, 'yesNo'],
  [/^several cells; name them/, 'unnamed'],
  [/^the brand has its (\d+) words/, 'words'],
  [/^1 to (\d+) characters/, 'oneTo'],
  [/^a whole number from/, 'stock'],
  [/^this column was not read/, 'column'],
  [/^the same as row (\d+)/, 'repeated'],
  [/^more cells than/, 'cells'],
  [/^a quotation mark opens/, 'quote'],
  [/^not valid CSV/, 'csv'],
  [/^this variant is there with the code (.+)$/, 'codeHas'],
  [/^this is the code of (.+)$/, 'codeOf'],
  [/^more than (\d+) of one product/, 'variants'],
  [/^only an owner or operator adds products/, 'mayNotAdd'],
  [/^only an owner or operator changes prices/, 'mayNotPrice'],
  [/^the shelf holds (\d+) products/, 'shelfFull'],
  [/^no such order/, 'noOrder'],
  [/^not paid, or ended/, 'notPaid'],
  [/^to be picked up/, 'toPickUp'],
  [/^nothing to ship/, 'nothingToShip'],
  [/^shipped before with another number/, 'otherNumber'],
  [/^nothing here/, 'blank'],
  [/^a long number was rounded/, 'rounded'],
  [/^a mobile number/, 'phone'],
  [/^guides and managers need a store/, 'needsStore'],
  [/^only guides and managers have/, 'hasNoStore'],
  [/^a list makes guides/, 'role'],
  [/^this is the phone of headquarters/, 'headquarters'],
  [/^this person is turned off/, 'off'],
  [/^there is no store with this code/, 'noStore'],
  [/^this store is closed/, 'closed'],
]

export function rowProblem(message: string): { key: string; n: string } | null {
  for (const [pattern, key] of sentences) {
    const found = pattern.exec(message)
    if (found) return { key, n: found[1] ?? '' }
  }
  return null
}

/** A report's columns and reasons in the page's language. */
export function useRowWords() {
  const { t, te } = useI18n()

  function why(message: string): string {
    const known = rowProblem(message)
    return known ? t(`import.why.${known.key}`, { n: known.n }) : message
  }

  function columnWords(column: string): string {
    const key = `import.column.${column.replaceAll(' ', '_')}`
    return te(key) || te(key, 'zh-CN') ? t(key) : column
  }

  return { why, columnWords }
}
