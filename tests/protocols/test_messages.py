import re
import subprocess
import sys
from pathlib import Path

import pytest

from protocols import generate

protoc = pytest.importorskip("grpc_tools.protoc")


def test_the_generated_code_is_that_of_the_proto_file(tmp_path: Path) -> None:
    source = generate.HERE / "messages.proto"
    subprocess.run(  # noqa: S603 - our own command
        [
            *(sys.executable, "-m", "grpc_tools.protoc", f"-I{source.parent}"),
            *(f"--python_out={tmp_path}", source.name),
        ],
        check=True,
    )
    anew = generate.stamp((tmp_path / "messages_pb2.py").read_text())
    committed = (generate.HERE / "messages_pb2.py").read_text()
    descriptor = re.compile(r"AddSerializedFile\((.*)\)")
    assert descriptor.findall(anew) == descriptor.findall(committed), (
        "run python -m protocols.generate"
    )


def test_the_generated_code_asks_for_no_newer_runtime_than_we_do() -> None:
    committed = (generate.HERE / "messages_pb2.py").read_text()
    assert generate.stamp(committed) == committed
