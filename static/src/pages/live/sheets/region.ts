export interface Region { province: string; city: string; district: string }

const municipality = /^(北京|上海|天津|重庆)市?$/
const joined = /^(.{2,10}?(?:省|自治区|特别行政区)|(?:北京|上海|天津|重庆)市?)(.{1,15}?(?:市|自治州|地区|盟))?(.{1,15}?(?:区|县|市|旗))?$/

/** "浙江省杭州市西湖区", "浙江 杭州 西湖", "California, San Jose": null where the city can't be told. */
export function regionOf(text: string): Region | null {
  const plain = text.normalize('NFKC').trim()
  const parts = (/[,/、]/.test(plain) ? plain.split(/[,/、]/) : plain.split(/\s+/)).map((part) => part.trim()).filter(Boolean)
  if (parts.length > 3) return null
  if (parts.length > 1) {
    const [province, second, third = ''] = parts as [string, string, string?]
    if (municipality.test(province) && !third && !municipality.test(second)) return { province, city: province, district: second }
    return { province, city: second, district: third }
  }
  const [, province, city, district = ''] = joined.exec(plain) ?? []
  if (!province) return null
  if (municipality.test(province)) return { province, city: city ?? province, district }
  return city ? { province, city, district } : null
}

export const regionText = ({ province, city, district }: Region): string => [province, city === province ? '' : city, district].filter(Boolean).join(' ')
