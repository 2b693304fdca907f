"""`tailboard.classify` in SQL and `classify` in Python are one function."""

from itertools import product
from typing import Any

import pytest

from fixtures.database import Connect
from tailboard.core.change import Op
from tailboard.core.classify import classify
from tailboard.core.job import STATUSES


def test_both_classifiers_agree_on_every_combination(connect: Connect) -> None:
    statuses: list[str | None] = [*STATUSES, None, "unheard_of"]
    combinations = list(product(Op, statuses, statuses))
    with connect().cursor() as cursor:
        cursor.executemany('SELECT tailboard.classify(%s::"char", %s, %s)', combinations, returning=True)
        in_sql = [cursor.fetchone() for _ in _results(cursor)]
    in_python = [(classify(*combination).value,) for combination in combinations]
    assert len(in_sql) == len(combinations) == 4 * 9 * 9
    assert in_sql == in_python


@pytest.mark.parametrize(
    ("op", "old", "new", "kind"),
    [
        (Op.INSERT, None, "in_progress", "job_created"),
        (Op.UPDATE, "pending", "in_progress", "job_started"),
        (Op.UPDATE, "failed", "in_progress", "job_started"),
        (Op.UPDATE, "in_progress", "completed", "job_completed"),
        (Op.UPDATE, "in_progress", "failed", "job_failed"),
        (Op.UPDATE, "in_progress", "in_progress", "job_updated"),
        (Op.UPDATE, "failed", "failed", "job_updated"),
        (Op.UPDATE, "failed", "pending", "job_updated"),
        (Op.DELETE, "completed", None, "job_deleted"),
        (Op.DELETE, "in_progress", "completed", "job_completed"),
        (Op.DELETE, "pending", "failed", "job_failed"),
        (Op.DELETE, "pending", "cancelled", "job_deleted"),
        (Op.DELETE, "in_progress", "in_progress", "job_deleted"),
        (Op.DELETE, "completed", "completed", "job_deleted"),
        (Op.RESET, None, None, "source_reset"),
    ],
)
def test_the_table_of_kinds(op: Op, old: str | None, new: str | None, kind: str) -> None:
    assert classify(op, old, new) == kind


def _results(cursor: Any) -> Any:
    yield
    while cursor.nextset():
        yield
