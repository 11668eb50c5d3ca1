from __future__ import annotations

import pytest

from tests.server.flash_sales.machine import run_machines


@pytest.mark.timeout(600)
def test_a_sale_agrees_with_its_model_whatever_happens(database_url: str, redis_url: str) -> None:
    run_machines(database_url, redis_url, examples=1000, steps=6)
