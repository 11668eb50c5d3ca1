"""The catalog over HTTP, and its pictures."""

from __future__ import annotations

import re
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, patch, post, put
from litestar.params import Parameter
from litestar.status_codes import HTTP_201_CREATED, HTTP_202_ACCEPTED, HTTP_304_NOT_MODIFIED
from msgspec import UNSET, UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

from server.catalog import imports, pictures, rules, service, sheet
from server.kit.idempotency import KeyHeader
from server.kit.jobs.service import LONGEST_NAME, JobView
from server.kit.money import PositiveMinor, PriceMinor
from server.kit.paging import Page, page
from server.kit.principal import Principal, allow
from server.kit.problems import NotFound

Text = Annotated[str, msgspec.Meta(max_length=400)]
LongText = Annotated[str, msgspec.Meta(max_length=20_000)]
Units = Annotated[int, msgspec.Meta(ge=0, le=rules.MOST_STOCK)]
IMAGE_TYPES = {"webp": "image/webp", "jpg": "image/jpeg"}
"""By the ending of the name."""
KEEPS_CATALOG = [allow(*rules.KEEPS_CATALOG)]


class NewSku(msgspec.Struct, forbid_unknown_fields=True):
    price_minor: PositiveMinor
    title: Text = ""
    was_minor: PriceMinor | None = None
    stock: Units = 0
    code: Text = ""

    def draft(self) -> service.SkuDraft:
        return service.SkuDraft(
            title=self.title,
            price_minor=self.price_minor,
            was_minor=self.was_minor,
            stock=self.stock,
            code=self.code,
        )


class NewProduct(msgspec.Struct, forbid_unknown_fields=True):
    title: Text
    skus: Annotated[list[NewSku], msgspec.Meta(min_length=1, max_length=rules.MOST_SKUS)]
    description: LongText = ""


class ChangeSku(msgspec.Struct, forbid_unknown_fields=True):
    sku_id: UUID
    title: Text | UnsetType = UNSET
    price_minor: PositiveMinor | UnsetType = UNSET
    was_minor: PriceMinor | UnsetType | None = UNSET

    def change(self) -> service.SkuChange:
        return service.SkuChange(
            sku_id=self.sku_id, title=self.title, price_minor=self.price_minor, was_minor=self.was_minor
        )


class ChangeProduct(msgspec.Struct, forbid_unknown_fields=True):
    title: Text | None = None
    description: LongText | None = None
    skus: Annotated[list[ChangeSku], msgspec.Meta(max_length=rules.MOST_SKUS)] = []


@get("/api/products", tags=["catalog"])
async def listing(
    staff: Principal,
    session: AsyncSession,
    q: Annotated[str | None, Parameter(max_length=100)] = None,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Page[service.ProductView]:
    """Newest first; `q` is looked for in titles and codes."""
    found = page(
        await service.listing(session, staff.brand_id, q, cursor), lambda product: product, lambda p: p.id
    )
    return Page(await service.views(session, found.items), found.next)


@post("/api/products", guards=KEEPS_CATALOG, tags=["catalog"])
async def create(data: NewProduct, staff: Principal, session: AsyncSession) -> service.ProductView:
    """`stock` goes to headquarters' pool."""
    product = await service.create_product(
        session, staff.brand_id, data.title, [sku.draft() for sku in data.skus], data.description
    )
    return (await service.views(session, [product]))[0]


@get("/api/products/{product_id:uuid}", tags=["catalog"])
async def show(product_id: UUID, staff: Principal, session: AsyncSession) -> service.ProductView:
    product = await service.get(session, staff.brand_id, product_id)
    return (await service.views(session, [product]))[0]


@patch("/api/products/{product_id:uuid}", guards=KEEPS_CATALOG, tags=["catalog"])
async def change(
    product_id: UUID, data: ChangeProduct, staff: Principal, session: AsyncSession
) -> service.ProductView:
    """What is left out stays as it is; all changes or none."""
    product = await service.get(session, staff.brand_id, product_id)
    await service.change_product(
        session,
        product,
        title=data.title,
        description=data.description,
        skus=[sku.change() for sku in data.skus],
    )
    return (await service.views(session, [product]))[0]


@post("/api/products/{product_id:uuid}/skus", guards=KEEPS_CATALOG, tags=["catalog"])
async def add_sku(
    product_id: UUID, data: NewSku, staff: Principal, session: AsyncSession
) -> service.ProductView:
    """One more variant."""
    product = await service.get(session, staff.brand_id, product_id)
    await service.add_skus(session, product, [data.draft()])
    return (await service.views(session, [product]))[0]


@put(
    "/api/products/{product_id:uuid}/image",
    guards=KEEPS_CATALOG,
    request_max_body_size=pictures.MOST_BYTES,
    tags=["catalog"],
)
async def set_image(
    product_id: UUID, body: bytes, staff: Principal, session: AsyncSession
) -> service.ProductView:
    """The picture file itself as the body: JPEG, PNG, WebP, GIF, AVIF or BMP, at most 10 MB."""
    sha256, webp = await pictures.prepare(body)
    product = await service.get(session, staff.brand_id, product_id)
    await service.set_picture(session, product, sha256, webp)
    return (await service.views(session, [product]))[0]


@post(
    "/api/products/imports",
    status_code=HTTP_202_ACCEPTED,
    guards=KEEPS_CATALOG,
    request_max_body_size=sheet.MOST_BYTES,
    tags=["catalog"],
)
async def import_sheet(
    body: bytes,
    staff: Principal,
    session: AsyncSession,
    name: Annotated[str, Parameter(max_length=LONGEST_NAME)] = "",
    idempotency_key: KeyHeader = None,
) -> Response[JobView]:
    """The XLSX or CSV file itself as the body: at most 5,000 rows and 2 MB. Columns: title, variant, price, stock,
    code, description. `name` is the file's, for whoever reads of the job.

    202 with the job, whose address is in `Location`: ask there how far it is. Good rows land, bad ones are named; the
    same list again changes nothing, and with the same `Idempotency-Key` it is the same job.
    """
    job = await imports.import_sheet(session, staff, body, name=name, key=idempotency_key)
    headers = {"Location": f"/api/jobs/{job.id}"}
    return Response(JobView.of(job), status_code=HTTP_202_ACCEPTED, headers=headers)


class PictureKept(msgspec.Struct):
    """`picture` is its hash, by which other things name it; `url` a path of this site."""

    picture: str
    url: str


@post(
    "/api/pictures",
    status_code=HTTP_201_CREATED,
    guards=KEEPS_CATALOG,
    request_max_body_size=pictures.MOST_BYTES,
    tags=["catalog"],
)
async def keep_picture(body: bytes, session: AsyncSession) -> PictureKept:
    """For a poster: a logo or a background, kept at up to 1,600 px. The picture file itself as the body, at most 10 MB:
    JPEG, PNG, WebP, GIF, AVIF or BMP. Raises `unreadable-picture` (422)."""
    sha256, webp = await pictures.prepare(body, pictures.LARGE_EDGE)
    await service.keep_picture(session, sha256, webp)
    return PictureKept(sha256, f"/images/{sha256}.webp")


@get("/images/{name:str}", tags=["catalog"], media_type="image/webp")
async def image(name: str, request: Request[Any, Any, Any], session: AsyncSession) -> Response[bytes]:
    """A picture by the hash of its bytes: it never changes, so browsers keep it for good. With the ending `jpg` the
    same as JPEG, for chats that show no WebP."""
    sha256, _, ending = name.partition(".")
    if ending not in IMAGE_TYPES or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise NotFound
    tag = sha256 if ending == "webp" else f"{sha256}.{ending}"
    headers = {"ETag": f'"{tag}"', "Cache-Control": "public, max-age=31536000, immutable"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(b"", status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    kept = await service.picture(session, sha256)
    if kept is None:
        raise NotFound
    shown = kept if ending == "webp" else await pictures.as_jpeg(kept)
    return Response(shown, media_type=IMAGE_TYPES[ending], headers=headers)


ROUTES = [listing, create, show, change, add_sku, set_image, import_sheet, keep_picture, image]
