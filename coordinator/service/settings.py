"""The settings file of the service; docs/service.md explains each line."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from synlearn.errors import InputError
from synlearn.metrics_settings import MetricsSettings
from synlearn.settings import setting


@dataclass(frozen=True)
class PortSettings:
    """[http] or [grpc]: where it listens.

    Attributes:
        listen: host:port; port 0 takes a free one, which the log names; empty: not at all.
    """

    listen: str = setting("")

    def __post_init__(self) -> None:
        if self.listen:
            _ = self.address

    @property
    def address(self) -> tuple[str, int]:
        """Host and port.

        Raises:
            InputError: `listen` is no address.
        """
        return MetricsSettings(self.listen, beyond_loopback=True).address

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if not self.listen:
            return True
        host, _ = self.address
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


@dataclass(frozen=True)
class HttpSettings(PortSettings):
    """[http]."""

    listen: str = setting("127.0.0.1:8080")


@dataclass(frozen=True)
class GrpcSettings(PortSettings):
    """[grpc]."""

    listen: str = setting("127.0.0.1:8081")


@dataclass(frozen=True)
class TlsSettings:
    """[tls]: of both ports.

    Attributes:
        certificate: PEM, the service's own certificate first; read again when it changes.
        key: PEM, its private key.
        ended_by_a_proxy: A proxy in front of the service ends TLS, and nobody else reaches the
            ports; without certificate, only that lets them listen beyond loopback.
    """

    certificate: Path | None = setting(None)
    key: Path | None = setting(None)
    ended_by_a_proxy: bool = setting(False)

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise InputError("certificate and key belong together: give both, or neither.")


@dataclass(frozen=True)
class LimitSettings:
    """[limits].

    Attributes:
        per_second: Requests of one key, on average; a picture, a map or an export counts as
            `slow_cost`.
        burst: Requests of one key at once.
        slow_cost: See there.
        body_bytes: Of a request without images.
        upload_bytes: Of a request with images, as it is sent.
        uploads: That come in or are read at once; more are turned away.
        images: Of one upload.
        image_pixels: Of one image, before it is brought to the size of the zoo's images.
        classes: Of one task.
        waiting: Requests that wait for a worker; more are turned away.
        seconds: To wait for a worker, and as many for its work.
        upload_seconds: The same, of a request with images.
        send_seconds: For a sender to deliver a whole request.
        connections: To each port at once.
    """

    per_second: float = setting(50.0, low=0.01, high=1e6)
    burst: float = setting(100.0, low=1, high=1e6)
    slow_cost: float = setting(20.0, low=1, high=1e6)
    body_bytes: int = setting(2**22, low=2**10, high=2**30)
    upload_bytes: int = setting(2**25, low=2**10, high=2**30)
    uploads: int = setting(4, low=1, high=1000)
    images: int = setting(2000, low=1, high=100_000)
    image_pixels: int = setting(50_000_000, low=1, high=10**9)
    classes: int = setting(128, low=2, high=10_000)
    waiting: int = setting(256, low=1, high=100_000)
    seconds: float = setting(10.0, low=0.1, high=3600)
    upload_seconds: float = setting(60.0, low=0.1, high=3600)
    send_seconds: float = setting(30.0, low=0.1, high=3600)
    connections: int = setting(512, low=1, high=100_000)


@dataclass(frozen=True)
class PageSettings:
    """[page].

    Attributes:
        enabled: Whether the page, and rankings from images that are sent, are offered at all.
    """

    enabled: bool = setting(True)


@dataclass(frozen=True)
class ServiceSettings:
    """A settings file.

    Attributes:
        mre: Folder of the MRE model.
        zoo: Folder of the zoo.
        keys: File of the API keys; where there is none, only this machine may be listened to.
        workers: Processes that rank.
    """

    mre: Path | None = setting(None)
    zoo: Path | None = setting(None)
    keys: Path | None = setting(None)
    workers: int = setting(2, low=1, high=64)
    http: HttpSettings = field(default_factory=HttpSettings)
    grpc: GrpcSettings = field(default_factory=GrpcSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    page: PageSettings = field(default_factory=PageSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)

    def checked(self) -> "ServiceSettings":
        """The same, once it is known that a service may run so.

        Raises:
            InputError: Something is missing, or strangers could listen in or ask without a key.
        """
        if self.mre is None or self.zoo is None:
            raise InputError("the service needs an MRE model and a zoo; give --mre and --zoo.")
        if not self.http.listen and not self.grpc.listen:
            raise InputError("neither [http] nor [grpc] listens anywhere; give one an address.")
        for port in (self.http, self.grpc):
            if port.is_loopback:
                continue
            if self.keys is None:
                raise InputError(
                    f"{port.listen} can be reached from other machines, and there are no API keys; "
                    "make some with `synlearn-coordinator keys add`, and name their file as keys."
                )
            if self.tls.certificate is None and not self.tls.ended_by_a_proxy:
                raise InputError(
                    f"{port.listen} can be reached from other machines, and there is no TLS, so "
                    "keys and tasks could be read on the way; name certificate and key in [tls], "
                    "or set ended_by_a_proxy = true where a proxy does it."
                )
        return self
