"""One relay for all rows but those that a browser looks at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.stage import Stage, stage


@pytest.fixture(scope="package")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("conformance")) as made:
        yield made
