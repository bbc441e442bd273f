"""Limits among workers: rounded up, so that none is shut out."""

import pytest

from dualstack.core.planning.configuration import Configuration, Service
from dualstack.core.planning.targets import ExecTarget
from dualstack.core.planning.worker_limits import part_of


@pytest.mark.parametrize(
    ("limit", "workers", "part"), [(None, 4, None), (1, 4, 1), (4, 4, 1), (5, 4, 2), (100, 3, 34), (7, 1, 7)]
)
def test_a_worker_gets_its_part_of_a_limit(limit: int | None, workers: int, part: int | None) -> None:
    whole = Configuration(
        (Service("a", max_connections=limit, max_per_client=limit), Service("b")),
        workers=workers,
        max_connections=limit,
    )
    mine = part_of(whole, workers)
    first, second = mine.services
    assert (first.max_connections, first.max_per_client, mine.max_connections) == (part, part, part)
    assert second == whole.services[1]


def test_a_worker_gets_its_part_of_a_rate_and_of_the_children() -> None:
    whole = Configuration((Service("a", ExecTarget(("cat",)), max_rate_per_client=3.0), Service("b")), workers=4)
    first, second = part_of(whole, 4).services
    assert (first.max_rate_per_client, first.max_children) == (0.75, 16)
    assert second == whole.services[1]
