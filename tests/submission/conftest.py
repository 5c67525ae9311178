from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.submission.house import House, built


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with built(tmp_path) as made:
        yield made
