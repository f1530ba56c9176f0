"""A job that somebody joined or left, told from its log, its ledgers, and its sites' data."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from coordinator.company import company
from coordinator.drawing import target_batches
from coordinator.grouped_job import GroupedJob
from coordinator.grouped_run import masked_id
from coordinator.holdings import Holdings
from coordinator.job import read_job
from protocols.ids import ProviderId, QueryId
from protocols.queries import feature_signs
from protocols.queries.describe import unpack_names
from provider.answers.class_features import class_feature_sums
from provider.data.store import SnapshotStore
from provider.dataset import Dataset
from provider.rows import RowSplit, row_generator
from provider.site.identity import load_key
from synlearn.mre.backbone import load_backbone
from synlearn.validation import head_accuracy
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.features import penultimate_features
from tests.integration.region import Region, standing
from tests.integration.sites import OPEN, Owner, until
from tests.integration.twin import run_twin

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Indices = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def hold(owner: Owner, function: str) -> None:
    """Have a site's questions of a function wait for its owner: the job stands still there."""
    owner.policy(f"{OPEN}[functions.{function}]\napproval = true\n")


def waiting(owner: Owner) -> list[int]:
    """Numbers of the questions that wait for an owner."""
    lines = owner.run("approvals", "--json").output.splitlines()
    return [json.loads(line)["id"] for line in lines]


def let_go(owner: Owner) -> None:
    """Let the questions that wait be answered, and all later ones."""
    owner.policy(OPEN)
    for number in waiting(owner):
        owner.run("approve", str(number))


def bring_invitation(region: Region, name: str, owner: Owner) -> None:
    """Bring one owner its invitation by hand, and have them agree."""
    file = region.runs / name / "invitations" / f"{owner.name}.invitation"
    until(file.is_file, region.log)
    owner.run("invite", str(file))
    for job in standing(owner, "invited"):
        owner.run("join", job, "--yes")


@dataclass(frozen=True)
class Outcome:
    """A run that has finished.

    Attributes:
        region: Where it ran.
        name: Of the run.
        job_file: What was run.
        began: Who took part in each round of learning as it began.
        ended: Who was left when it ended.
    """

    region: Region
    name: str
    job_file: Path
    began: Sequence[frozenset[ProviderId]]
    ended: Sequence[frozenset[ProviderId]]

    @property
    def out(self) -> Path:
        return self.region.runs / self.name

    @cached_property
    def job(self) -> GroupedJob:
        found = read_job(self.job_file)
        assert isinstance(found, GroupedJob)
        return found

    @cached_property
    def tensors(self) -> "dict[str, np.ndarray[tuple[int, ...], np.dtype[Any]]]":
        return load_file(self.out / "checkpoint.safetensors")

    @cached_property
    def sites(self) -> dict[ProviderId, Owner]:
        return {owner.name: owner for owner in self.region.owners}

    @cached_property
    def data(self) -> dict[ProviderId, Dataset]:
        return {
            name: SnapshotStore(owner.home.snapshots).current()
            for name, owner in self.sites.items()
        }

    @property
    def classes(self) -> tuple[str, ...]:
        return unpack_names(self.tensors["holdings.classes"])

    def holdings(self, providers: Collection[ProviderId]) -> Holdings:
        """Of some sites, from their data; positions are those of the job."""
        held = {name: dict(self.data[name].classes) for name in sorted(providers)}
        nobody = Holdings((), self.classes, np.empty((0, len(self.classes)), np.int64))
        return nobody.joined_by(held)

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.region.events(self.name) if line["event"] == event]

    def left_of(self, name: ProviderId) -> list[dict[str, Any]]:
        """A site's own record of the job."""
        text = self.sites[name].run("left", "--json", "--job", self.job.id).output
        return [json.loads(line) for line in text.splitlines()]


def check_learned(outcome: Outcome, first: Collection[ProviderId]) -> None:
    """All that the model is made of is what one place would have found, of those who took part."""
    _check_backbone(outcome, first)
    _check_scores(outcome)
    _check_outputs(outcome)
    _check_target_datasets(outcome)


def _check_backbone(outcome: Outcome, first: Collection[ProviderId]) -> None:
    """It was pre-trained by the first ones alone, as in an embedded federation of them."""
    owners = [owner for owner in outcome.region.owners if owner.name in first]
    region, out = replace(outcome.region, owners=owners), outcome.region.folder / "twins"
    run_twin(region, outcome.job_file, out / outcome.name)
    twin = load_file(out / outcome.name / "checkpoint.safetensors")
    for name, weights in twin.items():
        if name.startswith("backbone."):
            np.testing.assert_allclose(outcome.tensors[name], weights, rtol=1e-4, atol=1e-5)


def _check_scores(outcome: Outcome) -> None:
    """v_star of each round is that of the rows of those who were there at its end."""
    job, tasks = outcome.job, outcome.tensors["answers.tasks"].astype(np.int64)
    zoo, count = Zoo.open(job.zoo), job.learning.tasks_per_round
    models = [name for name in zoo if name.startswith("mixed-learning")]
    assert len(tasks) == len(outcome.ended) * count
    for step, there in enumerate(outcome.ended):
        own = slice(step * count, (step + 1) * count)
        for column, model in enumerate(models):
            found = outcome.tensors["answers.score"][0, own, column]
            known = ~np.isnan(found)
            if known.any():
                expected = _centralised(outcome, zoo, model, there, tasks[own])
                np.testing.assert_allclose(found[known], expected[known], rtol=0, atol=1e-9)
        seen = ~np.isnan(outcome.tensors["answers.score"][0, own])
        assert seen.sum() == count * job.learning.models_per_round


def _centralised(
    outcome: Outcome, zoo: Zoo, model: ModelId, there: Collection[ProviderId], tasks: Indices
) -> Array:
    """Accuracies of re-trained heads on tasks, where all rows of some sites lie in one place."""
    sides, width, many = [], outcome.job.validation.width, len(outcome.classes)
    for half in range(2):
        images, labels = [], list[int]()
        for name in sorted(there):
            own, split = outcome.data[name], RowSplit(_secret(outcome, name))
            for label, class_name in enumerate(outcome.classes):
                rows = split.halves(class_name, own.rows_of(class_name))[half]
                images.append(own.images(rows))
                labels += [label] * len(rows)
        raw = penultimate_features(zoo.stack([model]), np.concatenate(images)).astype(np.float64)
        sides.append((raw @ feature_signs(raw.shape[2], width), np.array(labels)))
    heads = head_accuracy.solve_heads([head_accuracy.psi_statistics(*sides[0], many)], tasks)
    part = head_accuracy.psi_correct(*sides[1], many, heads.rounded(), tasks)
    found: Array = head_accuracy.combine([part], tasks)[:, 0]
    return found


def _check_outputs(outcome: Outcome) -> None:
    """Whoever was there at the end was asked about every row of theirs, once for each model."""
    seen = ~np.isnan(outcome.tensors["answers.score"][0]).all(axis=0)
    names = unpack_names(outcome.tensors["answers.outputs.providers"])
    ends = np.cumsum(outcome.tensors["answers.outputs.counts"])[:-1]
    hard = np.split(outcome.tensors["answers.outputs.hard"], ends)
    held = np.split(outcome.tensors["answers.outputs.classes"], ends)
    for place, name in enumerate(map(ProviderId, names)):
        if name not in outcome.ended[-1]:
            continue
        last = outcome.tensors["answers.outputs.known"][place].astype(bool)
        assert last[seen].any()
        rows = [outcome.data[name].classes[outcome.classes[label]] for label in held[place]]
        for model in np.flatnonzero(last):
            assert hard[place][:, model].sum(axis=1).tolist() == rows


def _check_target_datasets(outcome: Outcome) -> None:
    """Those of sums without a dropout are means of the very rows that the nodes drew."""
    job, count = outcome.job, outcome.job.learning.tasks_per_round
    members = set(map(ProviderId, unpack_names(outcome.tensors["roll.members"])))
    backbone = load_backbone((outcome.out / "mre" / "backbone.safetensors").read_bytes())
    sums = {line["query"]: line for line in outcome.events("aggregation") if not line["failure"]}
    task = outcome.tensors["answers.feature_task"]
    checked = 0
    for step, began in enumerate(outcome.began):
        holdings = outcome.holdings(began)
        tasks = outcome.tensors["answers.tasks"][step * count : (step + 1) * count]
        pairs, batches = target_batches(job, holdings, tasks.astype(np.int64), step)
        ours = (task >= step * count) & (task < (step + 1) * count)
        found = outcome.tensors["answers.features"][ours]
        assert len(found) == len(pairs)
        for number, batch in enumerate(batches):
            line = next(
                sums[str(query)]
                for query in (masked_id(step, number, again) for again in range(8))
                if str(query) in sums
            )
            if line["dropped"]:
                continue
            asked = {holdings.providers[party] for party in batch.parties.tolist()}
            rows = batch.rows(holdings, company(outcome.ended[step] & asked, members), members)
            assert len(rows) == line["survivors"]
            total = np.zeros((len(batch.slots), job.pretraining.features))
            for party, own in rows.items():
                draw = row_generator(
                    _secret(outcome, party), job.id, QueryId.parse(line["query"]), line["attempt"]
                )
                slots = [holdings.classes[position] for position in batch.slots]
                total += class_feature_sums(
                    outcome.data[party], backbone, slots, np.array(own), draw
                )
            expected = batch.means(total, np.sum(list(rows.values()), axis=0))
            step_of_sum = job.learning.k_most * 2.0**-20 * len(rows)
            np.testing.assert_allclose(found[batch.pairs], expected, rtol=0, atol=step_of_sum)
            checked += 1
    assert checked


def _secret(outcome: Outcome, name: ProviderId) -> bytes:
    return load_key(outcome.sites[name].home.key).row_secret


def charged_twice(outcome: Outcome) -> list[str]:
    """What sites have on record twice, or as computed twice; empty when all is well.

    Beside each ledger's own check, no two questions of a site have the same content: a phase that
    begins again asks under the ids of before.
    """
    return [wrong for name in outcome.sites for wrong in _wrong_at(outcome, name)]


def _wrong_at(outcome: Outcome, name: ProviderId) -> Iterator[str]:
    lines = outcome.left_of(name)
    plain = Counter(line["question"] for line in lines if line["attempt"] == 0)
    masked = Counter((line["question"], line["attempt"]) for line in lines if line["attempt"])
    for what, times in [*plain.items(), *masked.items()]:
        if times > 1:
            yield f"{name}: {what} stands {times} times"
    for line in lines:
        if line["attempt"] == 0 and line.get("computed", 1) > 1:
            yield f"{name}: {line['question']} was computed {line['computed']} times"
    if "The ledger holds" not in outcome.sites[name].run("left", "--verify").output:
        yield f"{name}: its ledger does not hold"
