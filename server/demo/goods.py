"""What the demo shop sells, and what its visitors say."""

from __future__ import annotations

from typing import NamedTuple

from server.demo.pictures import Colour


class Good(NamedTuple):
    title: str
    description: str
    variants: tuple[tuple[str, int, int], ...]
    """(title, price_minor, stock)"""
    shape: str
    backdrop: tuple[Colour, Colour]
    body: Colour
    accent: Colour


GOODS = (
    Good(
        "明前龙井 特级 50g",
        "西湖产区，手工炒制。一芽一叶，豆香清爽。",
        (("", 12_800, 800),),
        "tin",
        ((226, 238, 219), (176, 204, 164)),
        (58, 104, 72),
        (240, 228, 190),
    ),
    Good(
        "秦岭土蜂蜜 500g",
        "一年一采，不加糖不稀释，冬天会结晶。",
        (("", 8_900, 600),),
        "jar",
        ((252, 240, 214), (240, 206, 140)),
        (226, 152, 40),
        (120, 72, 30),
    ),
    Good(
        "手工釉下彩饭碗",
        "景德镇手绘，可进微波炉和洗碗机。",
        (("青花", 5_900, 300), ("釉里红", 6_900, 200)),
        "bowl",
        ((230, 236, 245), (188, 204, 226)),
        (236, 240, 246),
        (70, 104, 168),
    ),
    Good(
        "端午礼盒 茶与蜜",
        "龙井与土蜂蜜各一份，附手写卡片。",
        (("", 19_900, 200),),
        "box",
        ((250, 228, 226), (232, 176, 172)),
        (176, 46, 58),
        (246, 214, 140),
    ),
)

NAMES = ("小满", "阿杰", "Momo", "林妈妈", "大鱼", "晚晚", "Kevin", "糖糖")

LINES = (
    "主播好！",
    "龙井是今年的新茶吗？",
    "多少钱呀",
    "上次买的蜂蜜很好喝",
    "碗可以进微波炉吗？",
    "什么时候发货？",
    "Looks lovely 😍",
    "杭州门店可以自提吗",
    "给妈妈买一份",
    "还有优惠吗",
    "刚进来，讲到哪了？",
    "抢到了！",
    "颜色真好看",
    "已经回购三次了",
    "Is it possible to pick up in store?",
    "礼盒送人很体面",
)
