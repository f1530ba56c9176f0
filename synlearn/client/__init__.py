"""A client of the service that ranks: the one part of the library that uses a network."""

from synlearn.client.client import Client
from synlearn.client.road import About, ServedModel, ServiceError

__all__ = ["About", "Client", "ServedModel", "ServiceError"]
