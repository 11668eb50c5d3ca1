"""QR codes."""

from __future__ import annotations

import io

import segno

INK, PAPER = "#14161a", "#ffffff"


def svg(text: str) -> bytes:
    """With its quiet zone, readable from paper and from a dim screen (error correction M)."""
    picture = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        picture, kind="svg", scale=8, border=4, dark=INK, light=PAPER
    )
    return picture.getvalue()
