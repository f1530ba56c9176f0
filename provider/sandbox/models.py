"""`Models` whose files are parsed and run by a worker; this process never looks into one."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from protocols.errors import Code, Refused
from provider.model_api import Float32, Floating, ModelGroup
from provider.models import precision_of
from provider.sandbox.process import Expected, ModelWorker
from provider.sandbox.replies import BackboneSaid, read_backbone, read_counts, read_groups
from provider.sandbox.wire import Array, Header, WireError
from synlearn.mre.backbone import BackboneSpec
from synlearn.mre.pretraining import HingeSum
from synlearn.zoo.networks import Network

T = TypeVar("T")
K = TypeVar("K")
Said = TypeVar("Said")


@dataclass(frozen=True, slots=True)
class _Loaded(Generic[T]):
    """What the worker keeps under a number; as large as its files."""

    handle: int
    size: int
    what: T


class SandboxedModels:
    """Models in a worker, which keeps those that were used last.

    Args:
        worker: Where they run; killed at a model that breaks its limits, and started again.
        keep: Bytes of backbones' files, and of other models' files, that the worker keeps parsed.
            A quarter of its memory where None.
        most: Backbones, and other loads of models, that it keeps however small they are: each takes
            some memory at both ends, and time when the next one comes.
    """

    elsewhere = True

    def __init__(self, worker: ModelWorker, keep: int | None = None, most: int = 4096) -> None:
        self.worker = worker
        self._keep = worker.limits.memory // 4 if keep is None else keep
        self._most = most
        self._handles = count()
        self._start = worker.starts
        self._groups: OrderedDict[tuple[str, ...], _Loaded[tuple[ModelGroup, ...]]] = OrderedDict()
        self._backbones: OrderedDict[str, _Loaded[BackboneSaid]] = OrderedDict()

    def stack(self, digests: tuple[str, ...], files: Mapping[str, bytes]) -> "RemoteStack":
        """See `provider.model_api.Models`."""
        groups = self.groups(digests, files)
        if len(groups) != 1:
            raise Refused(
                Code.MODEL_UNUSABLE, local=f"the models have {len(groups)} architectures, not one"
            )
        (group,) = groups
        assert isinstance(group.models, RemoteStack)  # noqa: S101 - made below
        return group.models

    def groups(
        self, digests: tuple[str, ...], files: Mapping[str, bytes]
    ) -> tuple[ModelGroup, ...]:
        """See `provider.model_api.Models`."""
        self._notice_restart()
        if digests not in self._groups:
            self._groups[digests] = self._load_groups(digests, files)
            self._make_room(self._groups)
        self._groups.move_to_end(digests)
        return self._groups[digests].what

    def backbone(self, digest: str, data: bytes, precision: str | None = None) -> "RemoteEmbedding":
        """See `provider.model_api.Models`."""
        loaded = self._backbone(digest, data)
        said = loaded.what
        return RemoteEmbedding(said.spec, self.worker, loaded.handle, precision or said.precision)

    def hinge_gradient(self, digest: str, data: bytes, rows: Tensor, margin: float) -> HingeSum:
        """See `provider.model_api.Models`."""
        loaded = self._backbone(digest, data)
        header = {"op": "hinge_gradient", "handle": loaded.handle, "margin": margin}
        return self._hinge_sum(header, loaded.what, precision_of(rows), arrays=[rows.numpy()])

    def local_update(
        self, digest: str, data: bytes, batches: Iterable[Tensor], margin: float, rate: float
    ) -> HingeSum:
        """See `provider.model_api.Models`; one batch is in this process at a time."""
        loaded = self._backbone(digest, data)
        waiting = iter(batches)
        first = next(waiting)
        precision = precision_of(first)
        header = {
            "op": "local_update",
            "handle": loaded.handle,
            "margin": margin,
            "rate": rate,
            "precision": precision,
            "batches": True,
        }
        rows = (batch.numpy() for batch in chain((first,), waiting))
        return self._hinge_sum(header, loaded.what, precision, batches=rows)

    def _hinge_sum(
        self,
        header: Header,
        backbone: BackboneSaid,
        precision: str,
        arrays: Iterable[Array] = (),
        batches: Iterable[Array] | None = None,
    ) -> HingeSum:
        vector = Expected(_dtype(precision), (backbone.parameters,))
        reply = self.worker.call(header, arrays, expected=[vector], batches=batches)
        said = self._believed(lambda: read_counts(reply.header))
        return HingeSum(reply.arrays[0], said.hinge_sum, said.active, said.triplets)

    def _backbone(self, digest: str, data: bytes) -> _Loaded[BackboneSaid]:
        self._notice_restart()
        if digest not in self._backbones:
            handle = next(self._handles)
            reply = self.worker.call({"op": "load_backbone", "handle": handle}, [_bytes(data)])
            said = self._believed(lambda: read_backbone(reply.header, len(data)))
            self._backbones[digest] = _Loaded(handle, len(data), said)
            self._make_room(self._backbones)
        self._backbones.move_to_end(digest)
        return self._backbones[digest]

    def _load_groups(
        self, digests: tuple[str, ...], files: Mapping[str, bytes]
    ) -> _Loaded[tuple[ModelGroup, ...]]:
        handle, data = next(self._handles), [files[digest] for digest in digests]
        header = {"op": "load_models", "handle": handle, "digests": digests}
        reply = self.worker.call(header, map(_bytes, data))
        said = self._believed(lambda: read_groups(reply.header, len(digests)))
        groups = tuple(
            ModelGroup(
                np.array(group.positions, np.int64),
                RemoteStack(
                    tuple(digests[place] for place in group.positions),
                    group.architecture,
                    self.worker,
                    handle,
                    position,
                ),
            )
            for position, group in enumerate(said)
        )
        return _Loaded(handle, sum(map(len, data)), groups)

    def _notice_restart(self) -> None:
        if self.worker.isolation() and self.worker.starts != self._start:
            self._groups.clear()
            self._backbones.clear()
            self._start = self.worker.starts

    def _make_room(self, loaded: OrderedDict[K, _Loaded[T]]) -> None:
        while len(loaded) > 1 and (
            len(loaded) > self._most or sum(each.size for each in loaded.values()) > self._keep
        ):
            _, oldest = loaded.popitem(last=False)
            self.worker.call({"op": "forget", "handle": oldest.handle})

    def _believed(self, read: Callable[[], Said]) -> Said:
        try:
            return read()
        except WireError as error:
            self.worker.close()
            raise Refused(Code.MODEL_UNUSABLE, local=f"the model worker {error}") from error


@dataclass(frozen=True, slots=True)
class RemoteStack:
    """Models of one architecture in a worker; see `provider.model_api.Stack`.

    Attributes:
        ids: Their digests.
        architecture: As the worker said, from this process's own list; of ONNX models, their sizes.
        worker: Where they are.
        handle: Of the load that they came with.
        group: Their position in it.
        rows: Which of that group; all where None.
    """

    ids: tuple[str, ...]
    architecture: Network
    worker: ModelWorker
    handle: int
    group: int
    rows: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: Sequence[int]) -> "RemoteStack":
        """Those in these places, in this order."""
        before = range(len(self)) if self.rows is None else self.rows
        return replace(
            self,
            ids=tuple(self.ids[row] for row in rows),
            rows=tuple(before[row] for row in rows),
        )

    def predict(self, images: Floating) -> Float32:
        """See `provider.model_api.Stack`."""
        return self._run("predict", images, self.architecture.outputs)

    def features(self, images: Floating) -> Float32:
        """See `provider.model_api.Stack`."""
        width = self.architecture.features or 0  # the worker refuses where there is none
        return self._run("features", images, width)

    def _run(self, operation: str, images: Floating, width: int) -> Float32:
        header = {"op": operation, "handle": self.handle, "group": self.group, "rows": self.rows}
        expected = Expected(np.float32, (len(self), len(images), width))
        return self.worker.call(header, [images], expected=[expected]).arrays[0]


@dataclass(frozen=True, slots=True)
class RemoteEmbedding:
    """A backbone in a worker; see `provider.model_api.Embedding`."""

    spec: BackboneSpec
    worker: ModelWorker
    handle: int
    precision: str

    def __call__(self, images: Tensor, /) -> Tensor:
        """Map images to features."""
        header = {"op": "embed", "handle": self.handle, "precision": self.precision}
        expected = Expected(_dtype(self.precision), (len(images), self.spec.features))
        reply = self.worker.call(header, [images.numpy()], expected=[expected])
        return torch.from_numpy(reply.arrays[0])


def _dtype(precision: str) -> type[np.floating[Any]]:
    return np.float64 if precision == "float64" else np.float32


def _bytes(data: bytes) -> Array:
    return np.frombuffer(data, np.uint8)
