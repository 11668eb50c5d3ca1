from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import logging
from server.kit.logs import configure_logs, get_logger
configure_logs({form!r}, role="web")
get_logger("showfloor").info("started", port=1)
logging.getLogger("uvicorn.error").warning("slow %s", "client")
secret = "hunter2"
try:
    raise ValueError("bad")
except ValueError:
    get_logger("showfloor").exception("failed")
    logging.getLogger("uvicorn.error").exception("Invalid UTF-8 sequence received from client.")
"""


def test_json_lines_hold_ours_and_the_librarys() -> None:
    ours, theirs, failure, peers = map(json.loads, _written("json").splitlines())
    assert (ours["event"], ours["port"], ours["role"], ours["level"]) == ("started", 1, "web", "info")
    assert (theirs["event"], theirs["logger"], theirs["role"]) == ("slow client", "uvicorn.error", "web")
    assert "ValueError: bad" in failure["exception"]
    assert peers["level"] == "info"
    assert "exception" not in peers


def test_text_lines_are_for_people() -> None:
    assert "started" in _written("text").splitlines()[0]


def test_no_form_shows_local_variables() -> None:
    assert "hunter2" not in _written("json").replace(SCRIPT, "")
    assert "hunter2" not in _written("text").replace(SCRIPT, "")


def _written(form: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(form=form)], capture_output=True, text=True, check=True
    )
    return done.stderr
