"""What is known of a job while it waits, runs and after it; the queue's own tables are its library's."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, text
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import Row, document, moment


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(Row, table=True):
    """`done` of `total` units are kept; `total` is null until the work knows it. `counts` are what became of them, by
    the work's own names. `problem` is why it failed, as a problem document.

    `attempt` names whoever has taken it up last, `failures` counts attempts since something was last kept.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("uq_job_key", "started_by", "key", unique=True, postgresql_where=text("key IS NOT NULL")),
        Index("ix_job_recent", "brand_id", "kind", "id"),
        Index("ix_job_open", "id", postgresql_where=text("state IN ('waiting', 'running')")),
    )
    brand_id: UUID = Field(foreign_key="brand.id")
    kind: str
    name: str = ""
    started_by: UUID
    starter: str
    key: str | None = None
    request: bytes
    state: str = JobState.WAITING
    done: int = 0
    total: int | None = None
    counts: dict[str, int] = document(default_factory=dict)
    problem: dict[str, Any] | None = document(default=None, nullable=True)
    attempt: int = 0
    failures: int = 0
    created_at: datetime = moment(default_factory=utc_now)
    started_at: datetime | None = moment(default=None, nullable=True)
    finished_at: datetime | None = moment(default=None, nullable=True)


class JobUpload(SQLModel, table=True):
    """The file that a job works on, until it is over: the workers share no disk."""

    __tablename__ = "job_upload"
    job_id: UUID = Field(foreign_key="job.id", primary_key=True, ondelete="CASCADE")
    body: bytes


class JobRefusal(SQLModel, table=True):
    """A row of the upload that was not taken, as `RowProblem` says it."""

    __tablename__ = "job_refusal"
    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    job_id: UUID = Field(
        sa_column=Column(ForeignKey("job.id", ondelete="CASCADE"), index=True, nullable=False)
    )
    row: int
    column: str
    message: str
