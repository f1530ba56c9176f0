"""Questions over gRPC."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc
import numpy as np
from google.protobuf.message import DecodeError, Message

from protocols import mre_service_pb2 as pb
from synlearn.client.http_road import shape_text
from synlearn.client.road import About, Question, ServedFile, ServedModel, ServiceError
from synlearn.errors import InputError
from synlearn.explanation import Explanation
from synlearn.fusion.zoo_evidence import ModelEvidence
from synlearn.mre.task_means import TaskMeans
from synlearn.ranked_models import RankedModels
from synlearn.ranking import Explain, Ranking
from synlearn.ranking_reading import explanation_of, ranking_of
from synlearn.zoo.filters import ModelFacts

MOST_BYTES: Final = 2**28
"""Of one message."""
_RETRY: Final = "retry-after-ms"
_SERVICE: Final = pb.DESCRIPTOR.services_by_name["MreService"].full_name
R = TypeVar("R", bound=Message)
V = TypeVar("V")


class GrpcRoad:
    """Asks a service at an address such as rank.example.org:8081.

    Args:
        target: host:port.
        key: API key; empty for none.
        authorities: PEM file of the authorities to trust; the system's where None.
        seconds: For an answer.
        tls: Whether the connection is encrypted.
    """

    def __init__(
        self, target: str, key: str, authorities: Path | None, seconds: float, *, tls: bool
    ) -> None:
        options = [("grpc.max_receive_message_length", MOST_BYTES)]
        if tls:
            try:
                roots = None if authorities is None else authorities.read_bytes()
            except OSError as error:
                raise InputError(
                    f"{authorities} cannot be read ({error.strerror}); check the path."
                ) from error
            credentials = grpc.ssl_channel_credentials(roots)
            self._channel = grpc.secure_channel(target, credentials, options)
        else:
            self._channel = grpc.insecure_channel(target, options)
        self._target = target
        self._seconds = seconds
        self._metadata = [("authorization", f"Bearer {key}")] if key else []

    def about(self) -> About:
        """What is served."""
        data = self._ask("Describe", pb.DescribeRequest(), pb.Description)
        return About(
            mre=data.mre,
            zoo=data.zoo,
            kind=data.kind,
            models=data.models,
            input_shape=_shape(data.input),
            features=data.features,
            files={own.name: ServedFile(own.sha256, own.size) for own in data.files},
            most_classes=data.most_classes,
            version=data.version,
        )

    def models(self, after: str) -> tuple[list[ServedModel], bool]:
        """The models that follow one, and whether there are more."""
        page = self._ask("ListModels", pb.ListModelsRequest(after=after), pb.ModelPage)
        found = [
            ServedModel(
                id=own.id,
                license=own.license,
                parameters=own.parameters,
                input_shape=_shape(own.input),
                outputs=tuple(own.outputs),
                sha256=own.sha256,
                size=own.size,
                card_sha256=own.card_sha256,
            )
            for own in page.models
        ]
        return found, page.more

    def rank(self, question: Question, explainer: Explain) -> Ranking:
        """A ranking by the metric, and by what evidence there is."""
        asked = pb.RankRequest(task=_task(question.task))
        if (where := question.where) is not None:
            asked.where.most_parameters = where.most_parameters or 0
            asked.where.licenses.extend(where.licenses)
            asked.where.input_shape = shape_text(where)
        if question.evidence is not None:
            asked.evidence.CopyFrom(_evidence(question.evidence))
        return self._checked(lambda: _ranking(self._ask("Rank", asked, pb.RankReply), explainer))

    def explain(self, task: TaskMeans, model: str) -> Explanation:
        """What a model was matched by."""
        asked = pb.ExplainRequest(task=_task(task), model=model)
        found = self._ask("Explain", asked, pb.ExplainReply)
        shape = (len(found.task_classes), 1 + len(found.model_classes))
        return self._checked(
            lambda: explanation_of(
                found.model,
                found.task_classes,
                found.model_classes,
                np.array(found.weights, np.float64).reshape(shape),
                np.array(found.spread, np.float64).reshape(shape),
            )
        )

    def file(self, name: str, most: int) -> bytes:
        """A file of the MRE model."""
        chunks = self._stream("FetchFile", pb.FetchFileRequest(name=name), most)
        return b"".join(each.data for each in chunks)

    def model(self, model: str, most: int) -> tuple[bytes, bytes]:
        """A model's card and file."""
        card, file = bytearray(), bytearray()
        for each in self._stream("FetchModel", pb.FetchModelRequest(model=model), most):
            (card if each.card else file).extend(each.data)
        return bytes(card), bytes(file)

    def close(self) -> None:
        """Let go of the connection."""
        self._channel.close()

    def _ask(self, method: str, request: Message, kind: type[R]) -> R:
        call = self._channel.unary_unary(f"/{_SERVICE}/{method}")
        try:
            data: bytes = call(
                request.SerializeToString(), timeout=self._seconds, metadata=self._metadata
            )
            return kind.FromString(data)
        except grpc.RpcError as error:
            raise self._refused(error) from error
        except DecodeError as error:
            raise self._foreign() from error
        except ValueError as error:
            raise ServiceError("the client is closed; make another one.") from error

    def _stream(self, method: str, request: Message, most: int) -> Iterator[pb.Chunk]:
        call = self._channel.unary_stream(f"/{_SERVICE}/{method}")
        left = most
        try:
            for data in call(
                request.SerializeToString(), timeout=self._seconds, metadata=self._metadata
            ):
                chunk = pb.Chunk.FromString(data)
                left -= len(chunk.data)
                if left < 0:
                    raise ServiceError(
                        f"{self._target} sends more than the {most:,} bytes that it may."
                    )
                yield chunk
        except grpc.RpcError as error:
            raise self._refused(error) from error
        except DecodeError as error:
            raise self._foreign() from error

    def _checked(self, read: Callable[[], V]) -> V:
        try:
            return read()
        except InputError:
            raise
        except (LookupError, TypeError, ValueError) as error:
            raise self._foreign() from error

    def _refused(self, error: Any) -> ServiceError:  # noqa: ANN401 - gRPC's have no annotations
        code, sentence = error.code(), error.details() or ""
        if code is grpc.StatusCode.UNAVAILABLE and not sentence.endswith("try again."):
            sentence = (
                f"{self._target} cannot be asked ({sentence}); check address, network and trust."
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED and "allows" not in sentence:
            sentence = f"{self._target} did not answer in time; try again, or allow more seconds."
        waits = [value for name, value in error.trailing_metadata() or () if name == _RETRY]
        wait = int(waits[0]) / 1000 if waits and waits[0].isdecimal() else 0.0
        return ServiceError(
            sentence or f"{self._target} answers with {code.name}.", code.name, wait
        )

    def _foreign(self) -> ServiceError:
        return ServiceError(
            f"{self._target} gives an answer that no such service gives; check the address, or use "
            "a version of SynLearn that fits."
        )


def _task(task: TaskMeans) -> pb.Task:
    means = np.ascontiguousarray(task.means, "<f4")
    return pb.Task(means=means.tobytes(), features=means.shape[1], counts=task.counts.tolist())


def _evidence(brought: ModelEvidence) -> pb.Evidence:
    return pb.Evidence(
        models=brought.models,
        scores=[
            pb.DirectScore(name=name, values=own) for name, own in brought.evidence.direct.items()
        ],
        similarity=brought.evidence.similarity.ravel(),
    )


def _ranking(reply: pb.RankReply, explainer: Explain) -> Ranking:
    columns = RankedModels(
        models=list(reply.models),
        scores=np.array(reply.scores, np.float64),
        tied=np.array(reply.tied, np.bool_),
        lows=_column(reply.lows),
        highs=_column(reply.highs),
        tiers=np.array(reply.tiers, np.int64) if reply.tiers else None,
        odds=_column(reply.best_probabilities),
        run=reply.run,
    )
    facts = {}
    if reply.facts:
        facts = {
            model: ModelFacts(own.parameters, own.license, _shape(own.input))
            for model, own in zip(reply.models, reply.facts, strict=True)
        }
    return ranking_of(
        columns,
        unit=reply.unit,
        warning=reply.warning,
        notes=tuple(reply.notes),
        confidence=reply.confidence,
        provenance={own.name: _value(own) for own in reply.provenance},
        facts=facts,
        explainer=explainer,
    )


def _column(values: Any) -> Any:  # noqa: ANN401 - protobuf's containers
    return np.array(values, np.float64) if values else None


def _value(fact: pb.Fact) -> str | int | float:
    name = fact.WhichOneof("value")
    if name is None:
        raise ValueError("a fact without value")
    found: str | int | float = getattr(fact, name)
    return found


def _shape(shape: pb.Shape) -> tuple[int, int, int]:
    return shape.channels, shape.height, shape.width
