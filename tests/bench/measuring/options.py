"""The options that every benchmark has, and what it writes for `figures.py`."""

import argparse
import json
import os
import platform
import signal
from pathlib import Path
from typing import Any, Final

_GIB: Final = 2**30


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Also sees to it that a benchmark that is ended, be it by SIGTERM, ends what it has started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    made = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    size = made.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="less of everything: for a look, not for a record")
    size.add_argument("--full", action="store_true", help="sizes that take tens of minutes")
    made.add_argument("--json", type=Path, help="write the figures there as well")
    return made


def write(options: argparse.Namespace, results: dict[str, Any]) -> None:
    """Keep the results where they were asked for, with the machine that they are of."""
    if options.json is None:
        return
    size = "quick" if options.quick else "full" if getattr(options, "full", False) else "standard"
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(
        json.dumps({"machine": machine(), "size": size, "results": results}, indent=1) + "\n"
    )


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB),
        "python": platform.python_version(),
        "system": platform.system(),
    }
