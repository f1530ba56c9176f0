"""What the session port needs for TLS."""

from dataclasses import dataclass

import grpc


@dataclass(frozen=True, slots=True)
class ServerTls:
    """PEM texts, read by the caller.

    Args:
        certificate: The coordinator's chain, its own certificate first.
        key: Its private key.
        client_authority: Authority of the providers' certificates; given, every provider must show
            one (mutual TLS).
    """

    certificate: bytes
    key: bytes
    client_authority: bytes | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """As gRPC wants it."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)],
            root_certificates=self.client_authority,
            require_client_auth=self.client_authority is not None,
        )
