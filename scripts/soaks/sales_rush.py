"""2,000 buyers for 100 units, again and again, over HTTP: one product, split lines, and bundles with gifts."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from scripts.benches.claim_shop import Shop, claims, must_verify, prepared, shop
from scripts.benches.claims import Crowd
from scripts.benches.frame import built, child, told, two_cores
from scripts.soaks.promises import Promises
from server.flash_sales.kinds import offers
from server.flash_sales.kinds.terms import Gift, Terms, Wanted

WITHIN_S = (300, 900)
BUYERS, UNITS, CONNECTIONS = 2_000, 100, 256
ROUNDS, SHORT_ROUNDS = 50, 10
PATIENCE_S = 60
PRICE_MINOR = 9900


def run(promises: Promises, short: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="showfloor-soak-") as folder, shop() as made:
        tokens, other = made.buyers(BUYERS), made.another_sku()
        server, client = two_cores()
        with made.serving(server) as (port, pid):
            for turn in range(SHORT_ROUNDS if short else ROUNDS):
                kind, terms, body = _wares(made, other, turn)
                sale_id = made.open_sale(offers(kind, terms), kind=kind, limit=2)
                taps = zip(tokens, itertools.repeat(f"{turn}"))
                path = prepared(claims(made.room_id, sale_id, taps, body), Path(folder) / f"{turn}")
                arguments = (str(port), str(CONNECTIONS), str(path))
                with child(built("claim_client.c"), *arguments, core=client) as process:
                    assert told(process) == "ready"
                    crowd = Crowd(process, pid)
                    statuses = crowd.count(f"closed {BUYERS} {PATIENCE_S}")["statuses"]
                path.unlink()
                sold, free = _units(made, sale_id)
                promises.count(
                    f"{UNITS} are sold, not one more ({kind})", 1, sold != UNITS or free != 0, (sold, free)
                )
                promises.count("each buyer is answered", BUYERS, BUYERS - sum(statuses.values()), statuses)
                promises.count(
                    "who is told 201 has an order", UNITS, abs(statuses.get("201", 0) - UNITS), statuses
                )
        must_verify(made)
    promises.count("everything adds up afterwards", 1, 0)


def _wares(made: Shop, other: UUID, turn: int) -> tuple[str, Terms, bytes]:
    """In turns; of each kind 100 units that count."""
    tea, half = made.sku_id, UNITS // 2
    match turn % 3:
        case 0:
            return "flash_price", Terms([Wanted(tea, PRICE_MINOR, UNITS)]), b'{"quantity":1}'
        case 1:  # one of each or nothing
            lines = [Wanted(tea, PRICE_MINOR, UNITS), Wanted(other, PRICE_MINOR, UNITS + half)]
            each = b",".join(b'{"sku_id":"%s","quantity":1}' % str(sku).encode() for sku in (tea, other))
            return "flash_price", Terms(lines), b'{"lines":[' + each + b"]}"
        case _:
            terms = Terms([Wanted(tea, PRICE_MINOR, UNITS)], gifts=[Gift(other, 2)])
            return "bundle", terms, b'{"quantity":1}'


def _units(made: Shop, sale_id: UUID) -> tuple[int, int]:
    """Of the product that runs out: held or sold, and free."""
    rows: Sequence[tuple[object, ...]] = made.query(
        "SELECT held + sold, free FROM stock_balance WHERE pool_id = :id AND sku_id = :sku",
        id=sale_id,
        sku=made.sku_id,
    )
    return int(str(rows[0][0])), int(str(rows[0][1]))
