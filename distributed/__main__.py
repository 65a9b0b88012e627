"""Prove on a distributed Airflow that nothing is lost, doubled or leaked: ``python -m distributed``."""

from __future__ import annotations

import argparse
import signal
import sys
from dataclasses import replace
from pathlib import Path

from distributed.proof import Proof, Size, running_stack

SHORT = Size(cohort=10, seeds=3)
LONG = Size(cohort=500, seeds=20)
REPORT = Path("build/distributed-report.md")


def main() -> int:
    """Run all, write the report, and return 1 if a check has found something."""
    parser = argparse.ArgumentParser(prog="python -m distributed", description=__doc__)
    parser.add_argument("--long", action="store_true", help="500 people and 20 seeds (one to two hours)")
    parser.add_argument("--cohort", type=int, help="number of people of the cohort")
    parser.add_argument("--seeds", type=int, help="number of seeds of the chaos")
    parser.add_argument("--report", type=Path, default=REPORT, help="file to write (default: %(default)s)")
    args = parser.parse_args()
    given = {name: value for name in ("cohort", "seeds") if (value := getattr(args, name)) is not None}
    size = replace(LONG if args.long else SHORT, **given)
    args.report.parent.mkdir(parents=True, exist_ok=True)
    args.report.unlink(missing_ok=True)
    # All processes are stopped also if CI ends this one.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    print("starting the stack", flush=True)
    with running_stack() as stack:
        proof = Proof(stack, size, report_line=lambda line: print(line, flush=True))
        try:
            proof.run()
        finally:
            args.report.write_text(proof.report())
    print(f"the report is in {args.report}")
    failed = sum(bool(result.findings) for result in proof.results)
    print(f"{len(proof.results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
