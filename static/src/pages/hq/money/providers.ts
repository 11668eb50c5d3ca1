/** A provider's name as a merchant knows it. */
export function providerWords(t: (key: string) => string, name: string): string {
  const known = ['wechat_pay', 'stripe', 'sandbox']
  return known.includes(name) ? t(`money.provider.${name}`) : name
}
