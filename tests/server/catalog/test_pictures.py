"""Pictures as phones make them, and bytes that are none."""

from __future__ import annotations

import hashlib
from io import BytesIO

import pytest
from PIL import Image, ImageCms

from server.catalog import pictures
from server.catalog.pictures import UnreadablePicture, prepare


def _file(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def _two_coloured(width: int = 1600, height: int = 1200) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", (width, height), "red")
    picture.paste("blue", (width // 2, 0, width, height))
    return picture


async def _opened(body: bytes) -> Image.Image:
    sha256, webp = await prepare(body)
    assert sha256 == hashlib.sha256(webp).hexdigest()
    return Image.open(BytesIO(webp))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"])
async def test_any_usual_picture_becomes_a_webp_of_at_most_800_px(kind: str) -> None:
    shown = await _opened(_file(_two_coloured(), kind))
    assert (shown.format, shown.size) == ("WEBP", (800, 600))


async def test_a_small_picture_keeps_its_size() -> None:
    assert (await _opened(_file(_two_coloured(90, 60), "PNG"))).size == (90, 60)


async def test_a_picture_that_was_held_upright_is_shown_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn 90° clockwise to see it as it was
    shown = await _opened(_file(_two_coloured(), "JPEG", exif=exif))
    assert shown.size == (600, 800)
    top, bottom = shown.convert("RGB").getpixel((300, 50)), shown.convert("RGB").getpixel((300, 750))
    assert top[0] > 200 > 60 > top[2]  # type: ignore[index]
    assert bottom[2] > 200 > 60 > bottom[0]  # type: ignore[index]


async def test_where_and_by_whom_it_was_taken_is_gone() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Phone of Li"
    exif.get_ifd(0x8825)[2] = (30.0, 15.0, 0.0)
    body = _file(_two_coloured(), "JPEG", exif=exif, comment=b"at home")
    _, webp = await prepare(body)
    assert b"Phone of Li" in body
    assert b"Phone of Li" not in webp
    assert not Image.open(BytesIO(webp)).getexif()
    assert "icc_profile" not in Image.open(BytesIO(webp)).info


async def test_what_is_clear_stays_clear() -> None:
    clear = Image.new("RGBA", (100, 100), (255, 0, 0, 0))
    for kind in ("PNG", "WEBP"):
        shown = await _opened(_file(clear, kind))
        assert shown.convert("RGBA").getpixel((50, 50))[3] == 0  # type: ignore[index]


async def test_a_palette_and_print_colours_are_read() -> None:
    assert (await _opened(_file(_two_coloured().convert("P"), "PNG"))).mode == "RGB"
    assert (await _opened(_file(_two_coloured().convert("CMYK"), "JPEG"))).mode == "RGB"


async def test_a_colour_profile_is_applied_before_it_goes() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    shown = await _opened(_file(_two_coloured(), "JPEG", icc_profile=profile))
    assert shown.convert("RGB").getpixel((100, 100))[0] > 200  # type: ignore[index]


@pytest.mark.parametrize(
    "body", [b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8\xff" + b"\0" * 99]
)
async def test_bytes_that_are_no_picture_are_refused(body: bytes) -> None:
    with pytest.raises(UnreadablePicture):
        await prepare(body)


async def test_a_picture_cut_short_is_refused() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        body = _file(_two_coloured(), kind)
        with pytest.raises(UnreadablePicture):
            await prepare(body[: len(body) // 2])


async def test_a_small_file_of_very_many_pixels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 10_000)
    with pytest.raises(UnreadablePicture):
        await prepare(_file(Image.new("1", (101, 100)), "PNG"))


async def test_as_jpeg_even_the_busiest_picture_is_small_enough_for_a_chat() -> None:
    noise = Image.effect_noise((800, 800), 120).convert("RGB")
    _, webp = await prepare(_file(noise, "PNG"))
    jpeg = await pictures.as_jpeg(webp)
    with Image.open(BytesIO(jpeg)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (800, 800))
    assert len(jpeg) <= pictures.MOST_JPEG_BYTES


async def test_as_jpeg_what_can_be_seen_through_is_white() -> None:
    _, webp = await prepare(_file(Image.new("RGBA", (40, 40), (0, 160, 0, 0)), "PNG"))
    with Image.open(BytesIO(await pictures.as_jpeg(webp))) as shown:
        assert shown.getpixel((20, 20)) == (255, 255, 255)
