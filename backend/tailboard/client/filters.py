"""Build the filter tree of a subscription."""

from collections.abc import Mapping, Sequence
from typing import Final

Filter = Mapping[str, object]
"""A filter tree as the protocol has it, for example `{"in": {"status": ["failed"]}}`."""

FIELDS: Final = ("source", "queue", "kind", "status", "worker", "job", "tags")
"""What a filter can look at; `job` is `source/id`."""


def any_of(**wanted: Sequence[str]) -> Filter | None:
    """Any of the values of each field, and all of the fields; None where nothing is asked for.

    A value that ends in `*` stands for all that begin like it: `any_of(kind=["mail.*"], queue=["eu", "us"])`.
    """
    parts: list[Filter] = []
    for field, values in wanted.items():
        if field not in FIELDS:
            raise TypeError(f"there is no field {field!r}; the fields are {', '.join(FIELDS)}")
        exact = [value for value in values if not value.endswith("*")]
        choices: list[Filter] = [{"prefix": {field: value[:-1]}} for value in values if value.endswith("*")]
        if exact:
            choices.insert(0, {"in": {field: exact}})
        if choices:
            parts.append(choices[0] if len(choices) == 1 else {"or": choices})
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else {"and": parts}
