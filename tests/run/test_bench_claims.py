"""The claims bench counts right, on a load that is over in a moment. How fast anything is, it tells itself."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from scripts.benches import claims, frame
from scripts.benches.claim_shop import shop

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("cc"), reason="the bench needs Linux and a C compiler"
)


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"CLAIMS": 300, "ROW_LOCKS": 8, "REFUSALS": 300, "OPEN_CLAIMS": 100, "EVALSHA_CLAIMS": 160}
    few = {"CONNECTIONS": 20, "FEW_CONNECTIONS": 2, "WARM_UP": 20, "TURNS": 1, "CALM": 1.0}
    for name, value in (small | few).items():
        monkeypatch.setattr(claims, name, value)


@pytest.mark.timeout(180)
def test_the_bench_measures_what_it_promises_and_the_shop_adds_up() -> None:
    report = claims.run(full=False)
    wanted = {"durable_claims_per_s", "p99_ms_at_500_per_s", "refused_claims_per_s"}
    assert wanted <= report.metrics.keys()
    assert all(metric.value > 0 for metric in report.metrics.values())
    assert report.metrics["durable_claims_per_s"].reference == "row locks through the ORM, warm"
    assert report.metrics["durable_claims_per_s"].reference_value


@pytest.mark.timeout(180)
def test_every_claim_is_an_order_and_another_answer_ends_the_bench(tmp_path: Path) -> None:
    server, client = frame.two_cores()
    with shop() as made:
        bench = claims.Bench(made, server, client, tmp_path)
        sale_id = made.sale(units=claims.WARM_UP + 100)
        with bench.crowd(sale_id, claims.WARM_UP + 101) as crowd:
            assert crowd.count(f"closed {claims.WARM_UP} 30")["statuses"] == {"201": claims.WARM_UP}
            assert crowd.ask("open 100 500", 201).p99_ms > 0
            with pytest.raises(SystemExit, match="409"):
                crowd.ask("closed 1 30", 201)
        assert made.query("SELECT count(*) FROM orders") == [(claims.WARM_UP + 100,)]
