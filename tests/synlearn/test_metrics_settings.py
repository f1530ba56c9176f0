import pytest

from synlearn.errors import InputError
from synlearn.metrics_settings import MetricsSettings


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("127.9.9.9:0", ("127.9.9.9", 0)),
        ("[::1]:9464", ("::1", 9464)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_this_machine_may_ask(listen: str, address: tuple[str, int]) -> None:
    assert MetricsSettings(listen).address == address


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464", "example.org:9464", "localhost.:1"]
)
def test_others_only_where_that_was_said(listen: str) -> None:
    with pytest.raises(InputError, match="beyond_loopback"):
        MetricsSettings(listen)
    assert MetricsSettings(listen, beyond_loopback=True).address


@pytest.mark.parametrize(
    "listen", ["9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "[::1]:65536", "a\n:1"]
)
def test_what_is_no_address_is_said(listen: str) -> None:
    with pytest.raises(InputError, match="write host:port"):
        MetricsSettings(listen, beyond_loopback=True)


def test_without_an_address_there_are_none() -> None:
    assert not MetricsSettings().listen
