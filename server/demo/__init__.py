"""The demo: a shop to look at, with a room on air. Nothing here runs without `--demo`."""

from server.demo.act import act
from server.demo.seed import seed

__all__ = ["act", "seed"]
