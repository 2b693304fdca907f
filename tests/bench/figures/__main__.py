"""Make the README's table and plots from what the benchmarks wrote.

    python tests/bench/figures [--results DIR] [--print]

Writes tests/bench/results/*.svg, and puts the table and the plots between two marks in the README. A benchmark without
results has neither; with --print the table goes to the terminal and nothing is written.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from figures.plots import PLOTS
from figures.table import table

ROOT: Final = Path(__file__).resolve().parents[3]
README: Final = ROOT / "README.md"
PLOTS_DIR: Final = ROOT / "tests" / "bench" / "results"
BEGIN: Final = "<!-- figures: written by `make figures` -->"
END: Final = "<!-- /figures -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, default=ROOT / "bench-results")
    parser.add_argument("--print", action="store_true", help="print the table, and write nothing")
    chosen = parser.parse_args()
    documents: dict[str, dict[str, Any]] = {
        path.stem: json.loads(path.read_text()) for path in sorted(chosen.results.glob("*.json"))
    }
    if not documents:
        sys.exit(f"there are no results in {chosen.results}; `make bench` writes them")
    results = {name: document["results"] for name, document in documents.items()}
    text = f"{_machine(documents)}\n\n{table(results)}\n"
    if chosen.print:
        print(text)
        return
    text += "\n" + "\n".join(_plots(results)) + "\n"
    _put(text)
    print(
        f"written: {README.relative_to(ROOT)}, {PLOTS_DIR.relative_to(ROOT)}/*.svg, from {', '.join(results)}"
    )


def _plots(results: dict[str, dict[str, Any]]) -> list[str]:
    """Write the plots; how the README shows them."""
    PLOTS_DIR.mkdir(exist_ok=True)
    shown = []
    for name, plot in PLOTS.items():
        if name in results:
            path = PLOTS_DIR / f"{name}.svg"
            path.write_text(plot(results[name]))
            shown.append(f'<img src="{path.relative_to(ROOT)}" alt="{name}" width="49%">')
    return shown


def _machine(documents: dict[str, dict[str, Any]]) -> str:
    """What it was measured on, as the programs saw it, and which of them ran shortened or in full."""
    machine = next(iter(documents.values()))["machine"]
    text = (
        f"Measured on {machine['cores']} cores and {machine['memory_gib']} GiB, {machine['system']}, Python"
        f" {machine['python']}, the packaged PostgreSQL with fsync on; servers, PostgreSQL, writers and clients share"
        " these cores."
    )
    for size, said in (("quick", "Shortened (`--quick`), for a glance only"), ("full", "With `--full`")):
        named = [name for name, document in documents.items() if document["size"] == size]
        if named:
            text += f" {said}: {', '.join(named)}."
    return text


def _put(text: str) -> None:
    readme = README.read_text()
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{README.name} has no place for the figures: the lines {BEGIN} and {END}")
    README.write_text(f"{before}{BEGIN}\n{text}{END}{after}")


if __name__ == "__main__":
    main()
