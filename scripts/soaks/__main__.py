from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import time
import traceback
from dataclasses import asdict
from importlib import import_module

from scripts.soaks.promises import Promises
from server.kit.logs import configure_logs

NAMES = (
    "bad_frames",
    "stalled_crowd",
    "reconnect_storm",
    "real_text",
    "media_loss",
    "media_narrow",
    "media_crowd",
    "media_junk",
    "sales_rush",
    "sales_faults",
    "sales_model",
    "sales_tampering",
    "boards",
)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/soak", description="Keeps at it and counts broken promises."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all of them without one"
    )
    parser.add_argument("--short", action="store_true", help="minutes instead of half an hour")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    configure_logs("text", role="soak", level=logging.WARNING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that children are ended in order
    promises = Promises()
    for name in chosen.names or NAMES:
        keep(name, promises, chosen.short)
    if chosen.json:
        counts = {name: asdict(promise) for name, promise in promises.by_name.items()}
        print(json.dumps({"promises": counts}))
    else:
        for name, promise in promises.by_name.items():
            print(
                f"{'FAIL' if promise.failed else 'ok  '}  {name:<48} {promise.failed:>8,} of {promise.tried:,}"
            )
    return 0 if promises.kept else 1


class TooLate(SystemExit):
    """An event loop lets no other exception of a signal's handler through."""


def _too_late(*_: object) -> None:
    raise TooLate("the soak took too long")


def keep(name: str, promises: Promises, short: bool) -> None:
    soak = import_module(f"scripts.soaks.{name}")
    within_s = soak.WITHIN_S[0 if short else 1]
    promises.say(f"{name}: {soak.__doc__.splitlines()[0]}")
    signal.signal(signal.SIGALRM, _too_late)
    signal.alarm(within_s)
    began = time.monotonic()
    try:
        soak.run(promises, short)
    except (Exception, TooLate):
        traceback.print_exc()
        promises.count(f"{name}.came_to_its_end", 1, 1)
    finally:
        signal.alarm(0)
    promises.say(f"{name}: {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    sys.exit(main())
