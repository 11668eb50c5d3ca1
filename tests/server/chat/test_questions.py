"""What asks something, by the rules of the file."""

from __future__ import annotations

import pytest

from server.chat.questions import about


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("多少钱", "price"),
        ("这个怎么卖呀", "price"),
        ("有优惠券吗", "price"),
        ("How much is the tea set?", "price"),
        ("what's the price", "price"),
        ("什么尺码", "size"),
        ("有38码吗", "size"),
        ("160/50 穿什么码，体重超了怎么办", "size"),
        ("does it fit 6 feet", "size"),
        ("还有货吗", "stock"),
        ("is it in stock", "stock"),
        ("几天到？", "delivery"),
        ("包邮吗", "delivery"),
        ("do you ship abroad?", "delivery"),
        ("能退货吗", "returns"),
        ("can I get a refund?", "returns"),
        ("是什么材质的", "quality"),
        ("甜不甜", "quality"),
        ("主播多大了？", "size"),
        ("有没有黑色", "other"),
        ("能不能看一下背面", "other"),
        ("ＣＡＮ　ｙｏｕ　ｔｕｒｎ　ｉｔ", "other"),
        ("真的假的？", "other"),
        ("好不好看", "quality"),
        ("要不要抢", "other"),
    ],
)
def test_a_question_is_known_by_its_words(line: str, kind: str) -> None:
    assert about(line) == kind


@pytest.mark.parametrize(
    "line",
    [
        "来了",
        "价格真好",
        "好看！",
        "???",
        "？",
        "666",
        "抢到了",
        "这么便宜",
        "几乎没人",
        "没什么",
        "I love it",
        "nice price",
        "已下单",
        "我不要了",
    ],
)
def test_what_asks_nothing_is_no_question(line: str) -> None:
    assert about(line) is None
