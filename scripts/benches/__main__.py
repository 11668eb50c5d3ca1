from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import asdict
from importlib import import_module

from scripts.benches.frame import table

NAMES = ("chat", "claims", "media")
WITHIN_S = 12 * 60


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures the product against a reference."
    )
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--full", action="store_true", help="growth curves, too, drawn into docs/pictures")
    chosen = parser.parse_args()
    if sys.platform != "linux":
        raise SystemExit("the benches read /proc and pin processes to cores: they need Linux")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that children are ended in order
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("the bench took too long"))
    signal.alarm(WITHIN_S * (2 if chosen.full else 1))
    report = import_module(f"scripts.benches.{chosen.name}").run(chosen.full)
    if chosen.json:
        metrics = {name: {**asdict(metric), "ratio": metric.ratio} for name, metric in report.metrics.items()}
        print(json.dumps({"name": chosen.name, "metrics": metrics}))
    else:
        print(table(chosen.name, report))


if __name__ == "__main__":
    main()
