"""Sizes and times that a session keeps to; docs/session.md has them in a table."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB

BATCH = 128 * KIB
"""A message takes no further frame once it holds this much; the same at both ends."""
LARGEST = 1024 * MIB
"""gRPC itself takes no message of 2 GiB."""
KEPT_FILES = 256 * MIB
"""Bytes of pulled files that a node keeps, those used last."""
MAX_FRAMES = 4096
"""Most frames in one message; the same at both ends."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one end accepts and how long it waits; sizes in bytes, times in seconds.

    The two ends may differ: what has to fit is agreed in Hello and Welcome, and each end enforces
    its own limits on what arrives.
    """

    max_body: int = 32 * MIB
    """Largest body of a question or an answer."""
    max_chunk: int = MIB
    """Largest piece of a blob in one frame."""
    queue: int = 64 * MIB
    """Bytes of answers waiting at a node before it stops reading questions, and of questions sent
    to one provider and unanswered before the coordinator holds the rest back."""
    in_flight: int = 256
    """Questions unanswered at a time on one stream."""
    blob_window: int = 4
    """Blob requests unanswered at a time on one stream."""
    handshake: float = 10.0
    """From the stream's opening until the provider was let in."""
    heartbeat: float = 15.0
    """An end that sent nothing for so long sends a Heartbeat."""
    silence: float = 60.0
    """A peer that sent nothing for so long is lost."""
    farewell: float = 2.0
    """For the last frames to leave before the stream is closed."""
    keepalive: float = 30.0
    """Between HTTP/2 pings, with or without a stream; below the usual 60 s and more of a NAT."""

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if getattr(self, name) <= 0:
                raise ValueError(f"the limit {name} has to be above 0, not {getattr(self, name)}")
        if max(self.max_body, self.max_chunk) > LARGEST:
            raise ValueError(f"max_body and max_chunk may be at most {LARGEST} bytes")

    @property
    def max_message(self) -> int:
        """Largest gRPC message: a full batch, and the one frame that went over."""
        return BATCH + max(self.max_body, self.max_chunk) + 4 * KIB
