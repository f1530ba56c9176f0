"""Who would take part in a job, and what they hold, as far as anybody can know beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from coordinator.authority.folder import FederationFolder
from coordinator.deployed import members_of
from coordinator.grouped_job import GroupedJob
from protocols.ids import ProviderId
from synlearn.datasets.dsprites import TRAINING_INSTANCES
from synlearn.datasets.mixed_pool_file import read_pool
from synlearn.datasets.mixed_providers import provider_rows
from synlearn.datasets.mixed_split import read_split
from synlearn.errors import InputError


@dataclass(frozen=True, slots=True)
class Participants:
    """Who takes part.

    Attributes:
        counts: Rows of each class of each provider.
        embedded: Whether their nodes share this machine; else each has one of its own.
        known_by: Where this is known from, for people.
        masked: Functions that may be asked of them under masks alone.
    """

    counts: Mapping[ProviderId, Mapping[str, int]]
    embedded: bool
    known_by: str
    masked: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def names(self) -> tuple[ProviderId, ...]:
        """Of all, sorted."""
        return tuple(sorted(self.counts))

    def repeated(self, count: int) -> "Participants":
        """So many, who hold in turn what these hold; names are new.

        Raises:
            InputError: Fewer than two.
        """
        if count < 2:
            raise InputError(f"--providers is {count}; a job needs at least 2.")
        held = [self.counts[name] for name in self.names]
        digits = max(3, len(str(count - 1)))
        return replace(
            self,
            counts={
                ProviderId(f"provider-{number:0{digits}d}"): held[number % len(held)]
                for number in range(count)
            },
            known_by=f"{count} providers, in turn like those of {self.known_by}",
        )


def of_manifest(job: GroupedJob) -> Participants:
    """The providers of an embedded federation, from its manifest and its pool of images.

    Raises:
        InputError: The job names none, or they are not there or do not fit each other.
    """
    path, manifest = job.providers.places
    split = read_split(manifest)
    pool = read_pool(path, split.digest)
    if pool is None:
        raise InputError(
            f"{path} is not there, or was built from another manifest than {manifest}; "
            "`synlearn zoo build mixed` makes the pool."
        )
    counts = {}
    for number, rows in enumerate(provider_rows(pool, split)):
        labels, found = np.unique(pool.labels[rows], return_counts=True)
        counts[ProviderId(f"provider-{number:03d}")] = {
            pool.classes[label].full_name: int(count)
            for label, count in zip(labels, found, strict=True)
        }
    return Participants(counts, embedded=True, known_by=str(manifest))


def of_domains(domains: tuple[int, ...]) -> Participants:
    """The providers of an embedded federation of dSprites domains."""
    counts = {
        ProviderId(f"provider-{domain:03d}"): {f"dsprites/{domain}": TRAINING_INSTANCES}
        for domain in domains
    }
    return Participants(counts, embedded=True, known_by="the job's dSprites domains")


def of_federation(folder: FederationFolder, rows: int) -> Participants:
    """The sites of a roster.

    Args:
        folder: Of the federation.
        rows: Of each class that a site has declared: how many there are, sites tell a job alone.

    Raises:
        InputError: Nobody was admitted yet, or a site has declared no class.
    """
    members = members_of(folder).members
    silent = [member.provider for member in members if not member.classes]
    if silent:
        raise InputError(
            f"{silent[0]} has declared no class, so nobody knows what it can be asked; admit it "
            "again from a request that names its classes."
        )
    return Participants(
        {member.provider: dict.fromkeys(sorted(member.classes), rows) for member in members},
        embedded=False,
        known_by=f"the roster in {folder.root}",
        masked=frozenset(function for member in members for function in member.masked),
    )
