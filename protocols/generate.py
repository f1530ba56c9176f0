"""Writes the modules of our .proto files anew: ``python -m protocols.generate``.

Needs the development dependencies. A newer protoc stamps its own version on the module, and the
module would then refuse every older runtime, though nothing else in it differs; the stamp is put
back to the oldest runtime that we support and test.
"""

import re
import sys
from pathlib import Path

OLDEST_RUNTIME = (5, 28, 0)
HERE = Path(__file__).parent
SOURCES = ("messages", "mre_service")


def stamp(module: str) -> str:
    """The text of a generated module, asking for no runtime newer than `OLDEST_RUNTIME`."""
    major, minor, patch = OLDEST_RUNTIME
    module = re.sub(r"(Protobuf Python Version:) \S+", rf"\1 {major}.{minor}.{patch}", module)
    check = r"(_runtime_version\.Domain\.PUBLIC,\s+)\d+,(\s+)\d+,(\s+)\d+,"
    module, found = re.subn(check, rf"\g<1>{major},\g<2>{minor},\g<3>{patch},", module)
    if found != 1:
        raise SystemExit("protoc writes its version check differently now: see protocols/generate")
    return module


def main() -> None:
    """Run protoc over the .proto files beside this one; no code that imports grpc is made."""
    from grpc_tools import protoc  # type: ignore[import-untyped]  # noqa: PLC0415 - only for us

    here = str(HERE)
    files = [f"{name}.proto" for name in SOURCES]
    if protoc.main(["", f"-I{here}", f"--python_out={here}", f"--pyi_out={here}", *files]):
        sys.exit(1)
    for name in SOURCES:
        generated = HERE / f"{name}_pb2.py"
        generated.write_text(stamp(generated.read_text()))


if __name__ == "__main__":
    main()
