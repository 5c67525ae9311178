"""One relay for all rows, and one browser for those that are looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.desk import Desk
from tests.conformance.desk import desk as opened
from tests.conformance.stage import Stage, stage


@pytest.fixture(scope="package")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("conformance")) as made:
        yield made


@pytest.fixture(scope="package")
def desk(it: Stage) -> Iterator[Desk]:
    with opened(it) as made:
        yield made
