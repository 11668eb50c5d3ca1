"""Sensitive words, however they are written."""

from __future__ import annotations

import threading

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from server.chat import words
from server.chat.folding import Written
from server.chat.words import Effect, Found, WordRule, Words
from server.kit.problems import Invalid


def refused(pattern: str, *, by_sound: bool = True) -> WordRule:
    return WordRule(pattern, Effect.REFUSE, by_sound)


def allowed(pattern: str) -> WordRule:
    return WordRule(pattern, Effect.ALLOW)


def seen(text: str, *rules: WordRule | str) -> str | None:
    """What of the text is found."""
    found = Words([refused(rule) if isinstance(rule, str) else rule for rule in rules]).judge(text)
    return None if found is None else text[found.start : found.end]


# As it is written


@pytest.mark.parametrize(
    "text",
    [
        "微信",
        "加我微信吧",
        "微.信",
        "微 信",
        "微，信",
        "微🍵信",
        "微\u200b信",
        "微ℹ️信",
        "微-_-信",
        "【微】【信】",
        "㊙微㊗信",
    ],
)
def test_what_stands_between_the_letters_hides_no_word(text):
    assert seen(text, refused("微信", by_sound=False)) == text[text.index("微") : text.index("信") + 1]


@pytest.mark.parametrize(
    "text",
    [
        "taobao",
        "TaoBao",
        "ｔａｏｂａｏ",
        "t.a.o.b.a.o",
        "tаоbао",  # Cyrillic
        "τaobao",
        "ᎢᎪoᏴᎪo",  # Cherokee
        "𝓽𝓪𝓸𝓫𝓪𝓸",
        "𝖳𝖠𝖮𝖡𝖠𝖮",
        "ⓣⓐⓞⓑⓐⓞ",
        "🅣🅐🅞🅑🅐🅞",
        "🆃🅰🅾🅱🅰🅾",
        "tåöbåø",
        "ᴛᴀᴏʙᴀᴏ",
        "t\u0336a\u0336o\u0336b\u0336a\u0336o\u0336",
    ],
)
def test_a_latin_word_is_found_in_every_costume(text):
    assert seen(text, "taobao") is not None


@pytest.mark.parametrize(
    "text", ["10086", "１００８６", "①⓪⓪⑧⑥", "𝟏𝟎𝟎𝟖𝟔", "1️⃣0️⃣0️⃣8️⃣6️⃣", "١٠٠٨٦", "1 0 0 8 6", "¹⁰⁰⁸⁶"]
)
def test_a_number_is_found_in_every_costume(text):
    assert seen(text, "10086") is not None


@pytest.mark.parametrize(
    ("text", "word"), [("一〇八", "108"), ("一〇八", "lo八"), ("口令", "o令"), ("工人", "I人")]
)
def test_chinese_characters_are_never_taken_for_letters(text, word):
    assert seen(text, word) is None


@pytest.mark.parametrize(("lower", "upper"), [("весна", "ВЕСНА"), ("άλφα", "ΆΛΦΑ"), ("straße", "STRASSE")])
def test_other_alphabets_are_matched_whatever_their_case(lower, upper):
    assert seen(upper, lower) == upper
    assert seen(lower, upper) == lower


@pytest.mark.parametrize("text", ["कि", "कु"])
def test_marks_that_spell_are_not_passed_over(text):
    assert (seen(text, "कि") is not None) == (text == "कि")


@pytest.mark.parametrize(
    "text", ["class", "assess", "a first class tea", "cl\u200bass", "ＣＬＡＳＳ", "сlаss", "a5 glass2"]
)
def test_a_latin_word_is_not_found_within_a_longer_one(text):
    assert seen(text, "ass") is None


@pytest.mark.parametrize("text", ["ass", "加ass吧", "a s s", "A.S.S!", "ass2", "你ass", "my ass, no"])
def test_a_latin_word_is_found_where_it_stands_alone(text):
    assert seen(text, "ass") is not None


def test_a_number_is_not_found_within_a_longer_one():
    assert seen("164元", "64") is None
    assert seen("v64", "64") == "64"


def test_a_word_of_letters_and_characters_is_found_in_any_company():
    assert seen("请加vx123", "加v") == "加v"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("加 微 信!", 2, 5), ("👨‍👩‍👧 微信", 6, 8), ("ﬁ微信", 1, 3), ("é微\u0301信", 1, 4)],
)
def test_a_word_is_shown_where_it_stands_in_the_text(text, start, end):
    assert Words([refused("微信")]).judge(text) == Found("微信", Effect.REFUSE, start, end)


# Wildcards


@pytest.mark.parametrize(
    ("pattern", "text", "what"),
    [
        ("加?信", "快加微信", "加微信"),
        ("加?信", "加信", None),
        ("加?信", "加我微信", None),
        ("加？信", "加 v 信", "加 v 信"),
        ("加*信", "加信", "加信"),
        ("加*信", "加一二三四五六七八信", "加一二三四五六七八信"),
        ("加*信", "加一二三四五六七八九信", None),
        ("加*信", "信我加你", None),
        ("加*我*信", "加一下我的微信吧", "加一下我的微信"),
        ("哈*哈", "哈", None),
        ("哈*哈", "哈哈", "哈哈"),
        ("a?c", "abc", "abc"),
        ("a?c", "xabc", None),
        ("*ass", "class", "class"),
        ("*ass", "glassy", None),
        ("ass*", "assembly", "assembly"),
        ("ass*", "assassination1", None),
        ("?微信", "微信", None),
        ("?微信", "加微信", "加微信"),
        ("** 微 ?*? 信 **", "微a信", None),
        ("** 微 ?*? 信 **", "微ab信", "微ab信"),
    ],
)
def test_a_wildcard_stands_for_so_many_characters(pattern, text, what):
    assert seen(text, refused(pattern, by_sound=False)) == what


def test_many_wildcards_in_a_line_made_for_them_take_no_time():
    pattern = "*".join("a" * 32)
    assert seen("a" * 300, pattern, "b" + pattern) is None
    assert seen("哈" * 300, "*".join("哈" * 32)) is not None


# By sound


@pytest.mark.parametrize(
    "text",
    [
        "薇信",
        "加威信",
        "weixin",
        "WeiXin",
        "wei xin",
        "w e i x i n",
        "wēixìn",
        "微xin",
        "wei信",
        "wei.信",
        "jiaweixin",
        "加weixin吧",
        "weixinhao",
        "ｗｅｉｘｉｎ",
        "wеixin",  # a Cyrillic letter
    ],
)
def test_a_chinese_word_is_found_by_its_sound(text):
    assert seen(text, "微信") is not None
    assert seen(text, refused("微信", by_sound=False)) is None


@pytest.mark.parametrize(
    "text", ["卫星", "weixing", "卫xing", "aweixinx", "we ixing", "xweixin", "微", "wei", "违心x"]
)
def test_a_sound_is_not_found_in_the_middle_of_a_syllable(text):
    found = seen(text, "微信")
    assert found == ("违心" if text == "违心x" else None)


def test_one_character_is_not_taken_for_two_that_sound_like_it_together():
    assert seen("先生", "西安") is None
    assert seen("xi'an", "西安") == "xi'an"
    assert seen("喜按", "西安") == "喜按"
    assert seen("西安", "先*") is None


def test_a_character_is_read_as_its_phrase_says():
    assert seen("银航", "银行") == "银航"
    assert seen("yinhang", "银行") == "yinhang"
    assert seen("饮行", "银行") == "饮行"  # the word's own character, whatever it sounds like alone
    assert seen("银杏", "银行") is None
    assert seen("yinxing", "银行") is None


def test_the_vowel_of_green_is_typed_as_v():
    assert seen("lvcha", "绿茶") == "lvcha"


def test_one_character_alone_is_matched_as_written_only():
    assert seen("草莓", "操") is None
    assert seen("操", "操") == "操"
    assert seen("草莓好吗", "操*妈") is None


def test_letters_in_a_chinese_word_stay_letters():
    assert seen("家v", "加v") == "家v"
    assert seen("jiav", "加v") == "jiav"
    assert seen("啊你", "a你") is None


def test_a_wildcard_counts_characters_by_sound_too():
    assert seen("薇信的好码", "微信*号码") == "薇信的好码"
    assert seen("weixin haoma", "微信*号码") == "weixin haoma"


# What is worst, and what is allowed


def test_a_word_to_refuse_comes_before_one_to_review():
    rules = [WordRule("便宜", Effect.REVIEW), refused("微信")]
    assert Words(rules).judge("便宜，加薇信") == Found("微信", Effect.REFUSE, 4, 6)
    assert Words(rules).judge("便宜吗") == Found("便宜", Effect.REVIEW, 0, 2)
    assert Words(rules).judge("多少钱") is None
    assert Words([]).judge("微信") is None


def test_what_lies_within_an_allowed_word_does_not_count():
    assert seen("可以微信支付吗", "微信", allowed("微信支付")) is None
    assert seen("微信支付，加微信", "微信", allowed("微信支付")) == "微信"
    assert seen("加微信支付", "加微信", allowed("微信支付")) == "加微信"
    assert seen("加微信支付", "加微信", allowed("加*支付")) is None


def test_an_allowed_word_is_taken_as_it_is_written():
    assert seen("加微信", "微信", allowed("威信")) == "微信"
    assert seen("有威信", "微信", allowed("威信")) is None
    assert seen("the pen is red", "penis", allowed("pen is")) is None
    assert seen("the penis", "penis", allowed("pen is")) == "penis"


# Patterns


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" VX ", "vx"),
        ("ＶＸ", "vx"),
        ("加？信", "加?信"),
        ("＋Ｖ号", "v号"),
        ("=cmd()", "cmd"),
        ("Free  Money!", "free money"),
        ("*微信*", "*微信*"),
        ("weixin\u200b", "weixin"),
        ("Весна", "весна"),
        ("茶" * 64, "茶" * 64),
    ],
)
def test_a_pattern_is_kept_with_case_and_width_made_one(typed, kept):
    assert words.pattern(typed) == kept


@pytest.mark.parametrize(
    "typed", ["", " ", "!!", "🍵", "?*", "\u200b", "\u3164", "茶" * 65, "茶?" * 33, "a" + " b" * 64]
)
def test_a_pattern_that_could_match_nothing_or_everything_is_refused(typed):
    with pytest.raises(Invalid) as refusal:
        words.pattern(typed)
    assert refusal.value.data["errors"][0]["field"] == "pattern"
    with pytest.raises(Invalid):
        Words([refused(typed)])


@given(st.text(max_size=80))
def test_a_kept_pattern_is_kept_as_it_is(typed):
    try:
        kept = words.pattern(typed)
    except Invalid:
        return
    assert words.pattern(kept) == kept
    assert kept[0] not in "=+-@\t\r"  # no spreadsheet takes it for a formula


# Whatever is said

HOSTS_LIST = [
    refused("微信"),
    refused("加*信"),
    refused("银行卡"),
    refused("taobao"),
    refused("весна"),
    refused("?ab*"),
    WordRule("便宜", Effect.REVIEW),
    WordRule("v", Effect.REVIEW),
    allowed("微信支付"),
    allowed("v 2"),
]
LIST = Words(HOSTS_LIST)
PIECES = [
    "微",
    "信",
    "wei",
    "xin",
    "g",
    " ",
    ".",
    "加",
    "v",
    "2",
    "支付",
    "银行",
    "卡",
    "ab",
    "ﬁ",
    "㍿",
    "🅰",
    "\u0301",
    "\ud800",
]
SEPARATORS = st.text(
    st.sampled_from(" \n\t.,!?*-_·。，、…～“”()[]#@🍵❤️👍🏽\u200b\u200d\u2060\ufe0f\u0301\u3164™"), max_size=3
)


@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from(PIECES), max_size=100).map("".join)))
def test_no_text_is_too_much(text):
    found = LIST.judge(text)
    if found is not None:
        assert 0 <= found.start < found.end <= len(text)
        assert found.effect is not Effect.ALLOW
        assert found.pattern in {rule.pattern for rule in HOSTS_LIST}


PATTERNS = st.text(st.sampled_from("微信银行重庆加绿茶一〇abvx12éя "), min_size=1, max_size=12)


@given(PATTERNS, st.booleans(), st.data())
def test_separators_within_a_word_never_hide_it(typed, by_sound, data):
    try:
        pattern = words.pattern(typed)
    except Invalid:
        assume(False)
    parted = "".join(letter + data.draw(SEPARATORS) for letter in pattern)
    found = Words([refused(pattern, by_sound=by_sound)]).judge(f"好，{parted}。好")
    assert found is not None
    assert found.start == 2


@given(PATTERNS, PATTERNS, st.booleans())
def test_an_allowed_text_passes_whatever_is_refused_in_it(typed, other, by_sound):
    try:
        pattern, within = words.pattern(typed), words.pattern(other)
    except Invalid:
        assume(False)
    rules = [refused(within, by_sound=by_sound), allowed(pattern)]
    assert Words(rules).judge(pattern) is None


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_case_and_width_of_a_text_change_nothing_of_what_is_found_in_it(text):
    assume(Written(text).letters == Written(text.upper()).letters)
    assert (LIST.judge(text) is None) == (LIST.judge(text.upper()) is None)


@settings(max_examples=30)
@given(
    st.lists(PATTERNS, min_size=1, max_size=30),
    st.text(st.sampled_from("微信银行重庆加绿茶abvx12 .weixin"), max_size=60),
)
def test_a_list_finds_what_its_words_find_one_by_one(typed, text):
    rules = []
    for one in typed:
        try:
            rules.append(refused(words.pattern(one)))
        except Invalid:
            continue
    alone = [rule.pattern for rule in rules if Words([rule]).judge(text)]
    together = Words(rules).judge(text)
    assert (together.pattern in alone) if together else not alone


def test_a_list_is_compiled_in_one_thread_and_judged_in_others():
    made: list[Words] = []
    compiling = threading.Thread(target=lambda: made.append(Words(HOSTS_LIST)))
    compiling.start()
    compiling.join()
    found: list[Found | None] = []
    judging = [threading.Thread(target=lambda: found.append(made[0].judge("加微信" * 90))) for _ in range(8)]
    for thread in judging:
        thread.start()
    for thread in judging:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
