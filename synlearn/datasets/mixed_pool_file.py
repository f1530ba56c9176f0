"""The pool of the mixed experiment as one file, so that later runs need no original data.

A run keeps it as safetensors, which is read at once; what is shipped is a compressed `.npz`.
"""

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from synlearn.atomic import write_atomically
from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_pool import MixedPool, PoolClass
from synlearn.datasets.small_pictures import Pictures
from synlearn.errors import InputError
from synlearn.zoo.records import RecordError, parse_record

FORMAT: Final = "synlearn-mixed-pool/1"
_PARTS: Final = tuple(part.value for part in Part)
_COLUMNS: Final = ("labels", "parts", "images")


def write_pool(path: Path, pool: MixedPool, split_digest: str) -> None:
    """Write a pool, with the digest of the manifest that it was built from."""
    metadata = {"format": FORMAT, "split": split_digest, "classes": _classes_json(pool)}
    write_atomically(path, save({"pictures": pool.pictures, **_columns(pool)}, metadata))


def read_pool(path: Path, split_digest: str) -> MixedPool | None:
    """Read a pool; None where there is none, or it was built from another manifest.

    Raises:
        InputError: The file is damaged.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if (metadata.get("format"), metadata.get("split")) != (FORMAT, split_digest):
                return None
            columns = {name: file.get_tensor(name) for name in _COLUMNS}
            return _pool(file.get_tensor("pictures"), columns, metadata["classes"])
    except (OSError, SafetensorError, ValueError, KeyError, IndexError, RecordError) as error:
        raise InputError(f"{path} is damaged; remove it, and it will be made again.") from error


def pack_pool(pool: MixedPool, split_digest: str) -> bytes:
    """Return a pool as the bytes of a compressed `.npz` file; nothing in it is pickled."""
    stream = io.BytesIO()
    columns = _columns(pool)
    # Channels one after the other: those of grey pictures repeat, and compress to nothing.
    np.savez_compressed(
        stream,
        planes=pool.pictures.transpose(0, 3, 1, 2),
        described=np.array([FORMAT, split_digest, _classes_json(pool)]),
        labels=columns["labels"],
        parts=columns["parts"],
        images=columns["images"],
    )
    return stream.getvalue()


def unpack_pool(path: Path, split_digest: str) -> MixedPool:
    """Read what `pack_pool` wrote.

    Raises:
        InputError: It is missing, damaged, or was built from another manifest.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            described = [str(text) for text in content["described"].tolist()]
            if described[:2] != [FORMAT, split_digest]:
                raise InputError(f"{path} was not built from this split; build it again.")
            pictures = np.ascontiguousarray(content["planes"].transpose(0, 2, 3, 1))
            columns = {name: content[name] for name in _COLUMNS}
            return _pool(pictures, columns, described[2])
    except InputError:
        raise
    except Exception as error:  # damaged bytes make zip, zlib, tokenizer and NumPy raise anything
        raise InputError(f"{path} is missing or damaged; fetch or build it again.") from error


def _classes_json(pool: MixedPool) -> str:
    return json.dumps([asdict(entry) for entry in pool.classes])


def _columns(pool: MixedPool) -> dict[str, np.ndarray]:
    code = {part: number for number, part in enumerate(_PARTS)}
    return {
        "labels": pool.labels.astype(np.int32),
        "parts": np.array([code[part] for part in pool.parts.tolist()], np.uint8),
        "images": pool.images.astype(np.int32),
    }


def _pool(pictures: Pictures, columns: dict[str, np.ndarray], classes: str) -> MixedPool:
    return MixedPool(
        pictures,
        columns["labels"].astype(np.int64),
        np.array(_PARTS)[columns["parts"]],
        columns["images"].astype(np.int64),
        tuple(parse_record(PoolClass, json.dumps(entry).encode()) for entry in json.loads(classes)),
    )
