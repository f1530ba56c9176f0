"""`[metrics]` of a settings file: where a process tells Prometheus how it is doing."""

import ipaddress
from dataclasses import dataclass

from synlearn.errors import InputError
from synlearn.settings import setting


@dataclass(frozen=True)
class MetricsSettings:
    """[metrics]: off unless an address is given.

    Attributes:
        listen: host:port, as in 127.0.0.1:9464; empty for nowhere. Port 0 takes a free one, which
            the log names.
        beyond_loopback: Listen where other machines may ask, too. There is no password and no TLS:
            whoever reaches the port reads the numbers.
    """

    listen: str = setting("")
    beyond_loopback: bool = setting(False)

    def __post_init__(self) -> None:
        if self.listen:
            host, _ = self.address
            if not self.beyond_loopback and not _is_loopback(host):
                raise InputError(
                    f"listen: {host} is not this machine's loopback, so others could read the "
                    "metrics; write 127.0.0.1, or set beyond_loopback = true where a firewall or "
                    "a proxy decides who may."
                )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port.

        Raises:
            InputError: `listen` is no address.
        """
        host, _, port = self.listen.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else -1
        if not bare.isprintable() or not bare or not 0 <= number < 65536:
            raise InputError(
                f"listen: {self.listen[:80]!r} is no address; write host:port, as in "
                "127.0.0.1:9464."
            )
        return bare, number


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
