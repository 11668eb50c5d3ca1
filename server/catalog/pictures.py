"""Pictures: whatever a phone or camera made becomes one WebP, a product's of at most 800 px, without metadata."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageCms, ImageOps

from server.kit.problems import Problem

MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = 64_000_000
"""Decoded, 64 megapixels are 190 MB; phones make up to 50 with their largest setting."""
EDGE = 800
LARGE_EDGE = 1_600
"""Of what is seen large, behind a poster's words."""
MOST_JPEG_BYTES = 300_000
"""Some chats leave a larger picture out."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")

_THREADS = ThreadPoolExecutor(1, thread_name_prefix="pictures")  # one at a time bounds the memory


class UnreadablePicture(Problem):
    status, slug, title = 422, "unreadable-picture", "This is no picture that can be read"


async def prepare(body: bytes, edge: int = EDGE) -> tuple[str, bytes]:
    """(SHA-256 in hex, WebP of at most `edge` px). Raises `UnreadablePicture` (422)."""
    webp, _ = await shrink(body, edge)
    return hashlib.sha256(webp).hexdigest(), webp


async def shrink(
    body: bytes, edge: int = EDGE, formats: tuple[str, ...] = FORMATS
) -> tuple[bytes, tuple[int, int]]:
    """(WebP without metadata, (width, height) of at most `edge` pixels). Raises `UnreadablePicture` (422)."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _shrink, body, edge, formats)


async def as_jpeg(webp: bytes) -> bytes:
    """A kept picture for chats that show no WebP: at most 300 kB, on white where it can be seen through."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _as_jpeg, webp)


@lru_cache(maxsize=64)
def _as_jpeg(webp: bytes) -> bytes:
    with Image.open(BytesIO(webp), formats=("WEBP",)) as opened:
        layer = opened.convert("RGBA")
    plain = Image.new("RGB", layer.size, "white")
    plain.paste(layer, mask=layer)
    for quality in (85, 70, 50):
        out = BytesIO()
        plain.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
        if out.tell() <= MOST_JPEG_BYTES:
            break
    return out.getvalue()


def _shrink(body: bytes, edge: int, formats: tuple[str, ...]) -> tuple[bytes, tuple[int, int]]:
    try:
        with Image.open(BytesIO(body), formats=formats) as checked:
            if checked.width * checked.height > MOST_PIXELS:
                raise UnreadablePicture("Too many pixels", most_pixels=MOST_PIXELS)
            checked.verify()
        with Image.open(BytesIO(body), formats=formats) as opened:
            opened.draft("RGB", (2 * edge, 2 * edge))  # JPEG decodes no larger than needed
            shown = _small(opened, edge)
    except UnreadablePicture:
        raise
    except Exception as error:  # decoders trip over hostile bytes in every way there is
        raise UnreadablePicture from error
    out = BytesIO()
    shown.save(out, "WEBP", quality=82, method=4)
    return out.getvalue(), shown.size


def _small(picture: Image.Image, edge: int) -> Image.Image:
    upright = ImageOps.exif_transpose(picture)
    plain = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    plain.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    if (profile := picture.info.get("icc_profile")) and plain.mode == picture.mode:
        plain = _in_srgb(plain, profile)
    bare = Image.new(plain.mode, plain.size)  # a new one has no EXIF, no profile, no comment
    bare.paste(plain)
    return bare


def _in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Phones shoot in wider colours; without their profile those would look pale."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError):
        return picture
    return converted or picture
