/** What lists of stores and of people look like. */
export const samples = {
  stores: {
    name: 'stores.csv',
    text: {
      'zh-CN': '门店名称,门店编码,地区,地址\n杭州湖滨店,HZ01,华东,杭州市上城区湖滨路 18 号\n上海静安店,SH01,华东,上海市静安区南京西路 688 号\n成都太古里店,CD01,西南,\n',
      en: 'name,code,region,address\nHangzhou Lakeside,HZ01,East,18 Hubin Road\nShanghai Jing’an,SH01,East,688 West Nanjing Road\nChengdu Taikoo Li,CD01,Southwest,\n',
    },
  },
  people: {
    name: 'people.csv',
    text: {
      'zh-CN': '姓名,手机号,角色,门店编码\n李晓梅,13800138000,导购,HZ01\n许文,13800138001,店长,HZ01\n老周茶行,13800138002,经销商,\n茶友群阿芳,13800138003,群主,\n',
      en: 'name,phone,role,store code\nLi Xiaomei,13800138000,guide,HZ01\nXu Wen,13800138001,manager,HZ01\nZhou Teas,13800138002,distributor,\nFang of the tea group,13800138003,group owner,\n',
    },
  },
}
