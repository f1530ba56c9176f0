"""One service for all tests that do not change it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service_house import Service, running, settings_of, write_house


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an MRE model and a zoo."""
    folder = tmp_path_factory.mktemp("house")
    write_house(folder)
    return folder


@pytest.fixture(scope="session")
def served(house: Path) -> Iterator[Service]:
    """A service without keys."""
    with running(settings_of(house)) as found:
        yield found
