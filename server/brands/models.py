"""A brand is the tenant: everything else belongs to exactly one."""

from __future__ import annotations

from datetime import datetime

from server.kit.clock import utc_now
from server.kit.database import Row, moment


class Brand(Row, table=True):
    __tablename__ = "brand"
    name: str
    created_at: datetime = moment(default_factory=utc_now)
