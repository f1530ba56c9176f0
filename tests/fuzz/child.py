"""One target under atheris, in a process of its own: `python -m tests.fuzz.child TARGET ...`.

libFuzzer, inside atheris, takes time, memory and corpus from its own options; it ends the process.
"""

import logging
import sys
from random import Random

import atheris

with atheris.instrument_imports(
    include=["protocols", "provider", "coordinator", "synlearn", "tomllib"]
):
    from tests.fuzz.targets import by_name


def main() -> None:
    """Fuzz until libFuzzer ends it."""
    target = by_name(sys.argv[1])
    logging.disable()  # a line for each refusal would be millions

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        if not random.randrange(4):  # libFuzzer's own, which knows what was compared with what
            return bytes(atheris.Mutate(data, most))
        return target.mutate(data, random)[:most]

    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.run, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
