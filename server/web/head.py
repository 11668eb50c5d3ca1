"""What a page is about, for whoever shows a link to it: chats, search engines. https://ogp.me"""

from __future__ import annotations

import re
from html import escape

import msgspec

_TITLE = re.compile(rb"<title>[^<]*</title>")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """`url` and `picture` are absolute, `size` is the picture's in pixels where it is known. Everything is plain text,
    escaped here; what is empty is left out."""

    title: str
    description: str
    url: str
    site: str
    picture: str = ""
    size: tuple[int, int] | None = None

    def put_into(self, page: bytes) -> bytes:
        """In place of the built page's own title."""
        return _TITLE.sub(lambda _: self.html().encode(), page, count=1)

    def html(self) -> str:
        width, height = map(str, self.size) if self.size else ("", "")
        properties = {
            "og:type": "website",
            "og:site_name": self.site,
            "og:title": self.title,
            "og:description": self.description,
            "og:url": self.url,
            "og:image": self.picture,
            "og:image:width": width,
            "og:image:height": height,
            "og:image:alt": (self.description or self.title) if self.picture else "",
        }
        names = {
            "description": self.description,
            "twitter:card": "summary_large_image" if self.size else "summary",
            "twitter:title": self.title,
            "twitter:description": self.description,
            "twitter:image": self.picture,
        }
        return "".join(
            [
                f"<title>{_shown(self.title)}</title>",
                *_tags("property", properties),
                *_tags("name", names),
            ]
        )


def _tags(kind: str, values: dict[str, str]) -> list[str]:
    return [f'<meta {kind}="{name}" content="{_shown(value)}">' for name, value in values.items() if value]


def _shown(value: str) -> str:
    return escape("".join(character for character in value if character.isprintable()))
