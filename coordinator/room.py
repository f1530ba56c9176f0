"""What a job works with, whatever it learns."""

from dataclasses import dataclass

from coordinator.aggregation import Aggregations
from coordinator.attendance import Attendance
from coordinator.blobs import MemoryBlobs
from coordinator.checkpoint import RunFolder
from coordinator.progress import Progress
from coordinator.questions import Questions


@dataclass(frozen=True, slots=True)
class Room:
    """Ways to the providers, and where things are kept and told.

    Attributes:
        questions: The way to single providers.
        masked: The way to sums over several.
        blobs: Where files for the providers are published.
        folder: Where checkpoints go.
        progress: Told about every step.
        attendance: Who is there.
    """

    questions: Questions
    masked: Aggregations
    blobs: MemoryBlobs
    folder: RunFolder
    progress: Progress
    attendance: Attendance
