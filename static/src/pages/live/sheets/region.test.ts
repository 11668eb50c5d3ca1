import { expect, it } from 'vitest'
import { regionOf, regionText } from './region'

it.each([
  ['浙江省杭州市西湖区', '浙江省', '杭州市', '西湖区'],
  ['浙江省 杭州市 西湖区', '浙江省', '杭州市', '西湖区'],
  ['浙江 杭州', '浙江', '杭州', ''],
  ['上海市徐汇区', '上海市', '上海市', '徐汇区'],
  ['上海 徐汇', '上海', '上海', '徐汇'],
  ['北京市北京市朝阳区', '北京市', '北京市', '朝阳区'],
  ['内蒙古自治区锡林郭勒盟正蓝旗', '内蒙古自治区', '锡林郭勒盟', '正蓝旗'],
  ['江苏省苏州市昆山市', '江苏省', '苏州市', '昆山市'],
  ['California, San Jose', 'California', 'San Jose', ''],
])('%s is read as province, city and district', (text, province, city, district) => {
  expect(regionOf(text)).toEqual({ province, city, district })
})

it('says when it can tell no city, and writes a municipality once', () => {
  for (const text of ['', '浙江省', '杭州市西湖区', '一 二 三 四']) expect(regionOf(text)).toBeNull()
  expect(regionText({ province: '上海市', city: '上海市', district: '徐汇区' })).toBe('上海市 徐汇区')
})
