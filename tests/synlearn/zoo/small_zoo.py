"""A zoo of untrained small models, for tests of what zoos are made of."""

from dataclasses import replace
from pathlib import Path

from synlearn.datasets.dsprites import Domain
from synlearn.zoo.card import FORMAT, ModelCard, TrainingData, TrainingRun
from synlearn.zoo.catalog import Zoo, add_model, digest_of, write_index
from synlearn.zoo.dsprites import model_id
from synlearn.zoo.formats.input_format import InputFormat
from tests.models import SMALL, model_file


def small_card(domain: Domain) -> ModelCard:
    """The card of the untrained model named after this domain."""
    data = model_file(model_id(domain))
    return ModelCard(
        format=FORMAT,
        id=model_id(domain),
        license="apache-2.0",
        library_name="synlearn",
        pipeline_tag="image-regression",
        tags=("dsprites",),
        datasets=("dsprites",),
        metrics=("mse",),
        architecture=SMALL.name,
        hyperparameters=dict(SMALL.hyperparameters),
        parameters=SMALL.parameter_count(),
        sha256=digest_of(data),
        file_size=len(data),
        input=InputFormat((1, 64, 64), low=0.0, high=1.0, mean=(0.0,), std=(1.0,)),
        outputs=("posX", "posY"),
        training_data=TrainingData(
            dataset="dsprites",
            domain=domain.name,
            domain_index=domain.index,
            latents={"shape": domain.shape.name.lower(), "scale": 0.5 + domain.scale / 10},
            split="none",
            split_seed=0,
            instances=0,
        ),
        training=TrainingRun("none", 0, 0, 0.0, 0, "mean squared error", 1.0),
        versions={},
        created=None,
    )


def small_zoo(root: Path, domains: tuple[int, ...] = (612, 3, 40)) -> Zoo:
    """Write a zoo of such models."""
    cards = [small_card(Domain(index)) for index in domains]
    write_index(root, {card.id: add_model(root, card, model_file(card.id)) for card in cards})
    return Zoo.open(root)


def exchange_file(zoo: Zoo, domain: int, data: bytes) -> Zoo:
    """Exchange a model's file, bring card and index into line with it, and open the zoo again."""
    card = replace(small_card(Domain(domain)), sha256=digest_of(data), file_size=len(data))
    entries = {model: add_model(zoo.root, zoo.card(model), zoo.weights(model)) for model in zoo}
    write_index(zoo.root, {**entries, card.id: add_model(zoo.root, card, data)})
    return Zoo.open(zoo.root)
