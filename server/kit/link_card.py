"""A card that a chat shows of a link: PNG, dark, with a picture as a square at the right where there is one.

Drawing takes a core's time: `drawn` does it beside the event loop, one at a time.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from litestar import Request, Response
from litestar.status_codes import HTTP_304_NOT_MODIFIED
from PIL import Image, ImageDraw

from server.kit.lettering import line, pill, width_of, wrapped
from server.kit.qr import INK, PAPER

SIZE = WIDTH, HEIGHT = 1200, 630
MARGIN, FOOT, PHOTO = 72, 544, 360
QUIET, SOFT, ACCENT, MONEY = "#9aa3b0", "#c9cfd8", "#ff2f55", "#ffb020"
DONE = "#3ecf7a"

_THREAD = ThreadPoolExecutor(1, thread_name_prefix="link-card")


async def drawn(draw: Callable[..., bytes], *given: object) -> bytes:
    """What `draw` makes of `given`."""
    return await asyncio.get_running_loop().run_in_executor(_THREAD, draw, *given)


async def answer(
    request: Request[Any, Any, Any], etag: str, draw: Callable[[], Awaitable[bytes]]
) -> Response[bytes]:
    """304 to whoever has it, and nothing is drawn."""
    headers = {"ETag": etag, "Cache-Control": "public, max-age=60"}
    if request.headers.get("if-none-match") == etag:
        return Response(b"", status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(await draw(), media_type="image/png", headers=headers)


class LinkCard:
    """`room` is how wide words may be beside the picture, `below` where the title ends; `size` is the title's."""

    def __init__(self, brand: str, title: str, photo: bytes | None, size: int = 60) -> None:
        self.image = Image.new("RGB", SIZE, INK)
        self.pen = ImageDraw.Draw(self.image)
        self.pen.rectangle((0, 0, WIDTH, 10), fill=ACCENT)
        self.room = WIDTH - 2 * MARGIN
        self.pictured = photo is not None and self._paste(photo)
        if self.pictured:
            self.room -= PHOTO + 56
        line(self.pen, brand, (MARGIN, 64), 32, SOFT, self.room)
        rows, step = wrapped(title, size, self.room, rows=2), size * 13 // 10
        for nth, row in enumerate(rows):
            line(self.pen, row, (MARGIN, 124 + step * nth), size, PAPER, self.room)
        self.below = 124 + step * len(rows)

    def _paste(self, photo: bytes) -> bool:
        """With round corners. `False` where it can't be read."""
        try:
            with Image.open(io.BytesIO(photo), formats=("WEBP", "PNG", "JPEG")) as opened:
                plain = opened.convert("RGB")
        except Exception:  # decoders trip over hostile bytes in every way there is
            return False
        side = min(plain.size)
        left, top = (plain.width - side) // 2, (plain.height - side) // 2
        box = (left, top, left + side, top + side)
        square = plain.resize((PHOTO, PHOTO), Image.Resampling.BICUBIC, box)
        mask = Image.new("L", (2 * PHOTO, 2 * PHOTO))
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, 2 * PHOTO - 1, 2 * PHOTO - 1), 48, 255)
        at = (WIDTH - MARGIN - PHOTO, 64)
        self.image.paste(square, at, mask.resize((PHOTO, PHOTO), Image.Resampling.BOX))
        return True

    def caption(self, said: str) -> None:
        """Below the picture, where there is one."""
        if self.pictured:
            at = (WIDTH - MARGIN - PHOTO // 2, 64 + PHOTO + 40)
            line(self.pen, said, at, 28, QUIET, PHOTO, anchor="mm")

    def badge(self, said: str, colour: str) -> int:
        """At the foot. Where it ends."""
        right = MARGIN + width_of(said, 32) + 56
        pill(self.image, (MARGIN, FOOT - 32, right, FOOT + 32), colour)
        line(ImageDraw.Draw(self.image), said, (MARGIN + 28, FOOT), 32, INK, right, anchor="lm")
        return right

    def png(self) -> bytes:
        out = io.BytesIO()
        self.image.save(out, format="PNG", compress_level=4)
        return out.getvalue()
