"""What the broker and presence stand on: their contracts hold on each layout."""

from __future__ import annotations

import pytest

from tests.live.servers import Site, alone, clustered


@pytest.fixture(params=["standalone", "cluster"])
def site(request: pytest.FixtureRequest) -> Site:
    """Where the servers are, empty."""
    if request.param == "cluster":
        return clustered(request.getfixturevalue("valkey_cluster"))
    return alone(request.getfixturevalue("redis_url"))
