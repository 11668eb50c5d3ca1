"""One stream of structured lines on stderr, whoever writes: this code, uvicorn, or a library by `logging`."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]
_QUIET = ("uvicorn.error", "aiortc", "aioice", "httpx", "httpcore", "asyncio", "alembic.runtime.plugins")

_THE_PEERS = frozenset({"Invalid UTF-8 sequence received from client."})
"""What uvicorn logs as an error, with a traceback, though a stranger's frame is all that was wrong."""


def configure_logs(form: Literal["json", "text"], *, role: str, level: int = logging.INFO) -> None:
    """Every later line carries `role`. To be called once a process, before the first logger is used."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder()],
        processors=[
            _in_role(role),
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_rendered(form),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_of_the_peer)
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _of_the_peer(record: logging.LogRecord) -> bool:
    """One line of information for what a peer did wrong."""
    if record.name == "uvicorn.error" and record.msg in _THE_PEERS:
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.exc_info = record.exc_text = None
    return True


def _in_role(role: str) -> Processor:
    def add(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["role"] = role
        event.pop("color_message", None)  # uvicorn repeats its line there with terminal colours
        return event

    return add


def _rendered(form: Literal["json", "text"]) -> list[Processor]:
    # No locals in tracebacks: settings and tokens stand there.
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]
