"""Where a node's data lies, and how it becomes rows: the parts of its configuration."""

from dataclasses import dataclass
from pathlib import Path

from provider.data.arrays import Arrays
from provider.data.image_folder import ImageFolder
from provider.data.source import Source
from provider.data.tables import Columns, FeatureTable, ImageTable
from synlearn.datasets.examples import ImageShape
from synlearn.errors import InputError
from synlearn.settings import setting


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Which data.

    Attributes:
        path: A folder of class folders, a folder of arrays, or a table.
        kind: "images", "arrays", "image table" or "feature table".
        channels: Of images, 1 or 3.
        height: What images are brought to, in pixels.
        width: What images are brought to, in pixels.
        label_column: Of a table; empty where all its rows are of one class.
        image_column: Of a table of images: paths.
        images_root: What these paths are relative to; empty for the table's folder.
        feature_columns: Of a table of numbers.
        target_columns: Of a table: numbers to predict.
    """

    path: Path = setting()
    kind: str = setting("images", choices=("images", "arrays", "image table", "feature table"))
    channels: int = setting(3, low=1, high=3)
    height: int = setting(32, low=1, high=4096)
    width: int = setting(32, low=1, high=4096)
    label_column: str = setting("label")
    image_column: str = setting("image")
    images_root: str = setting("")
    feature_columns: tuple[str, ...] = setting(())
    target_columns: tuple[str, ...] = setting(())

    def __post_init__(self) -> None:
        if self.channels == 2:
            raise InputError("channels is 2; it must be 1 (grey) or 3 (colour).")


@dataclass(frozen=True, slots=True)
class SnapshotRules:
    """What becomes visible, and what is done about rows that cannot be read.

    Attributes:
        min_rows: Fewest rows of a class that change together, see `provider.data.visible`.
        removed_rows: "leave" at once, with companions where they are too few, or "wait".
        corrupt_rows: "skip" them, or "refuse" the snapshot because of one.
        most_corrupt: Share of rows that may be skipped.
        threads: That read images side by side.
    """

    min_rows: int = setting(1, low=1)
    removed_rows: str = setting("leave", choices=("leave", "wait"))
    corrupt_rows: str = setting("skip", choices=("skip", "refuse"))
    most_corrupt: float = setting(0.01, low=0.0, high=1.0)
    threads: int = setting(2, low=1, high=64)


def open_source(settings: DataSettings) -> Source:
    """Open the data that the settings name.

    Raises:
        InputError: It is not there, or is something else.
    """
    shape = ImageShape(settings.channels, settings.height, settings.width)
    columns = Columns(settings.label_column, settings.target_columns)
    if settings.kind == "images":
        return ImageFolder(settings.path, shape)
    if settings.kind == "arrays":
        return Arrays(settings.path)
    if settings.kind == "image table":
        root = Path(settings.images_root) if settings.images_root else None
        return ImageTable(settings.path, settings.image_column, columns, shape, root)
    return FeatureTable(settings.path, settings.feature_columns, columns)
