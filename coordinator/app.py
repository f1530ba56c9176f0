"""Flower's ServerApp: a bridge that holds no key, no data and no checkpoint.

It tells the coordinator, over a Unix socket, which SuperNodes are online, sends each the invitation
that the coordinator gives it, and brings the verdicts back, for as long as the job lasts. Killed,
it ends the Flower run and nothing else: the coordinator submits another.
"""

import base64
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

from coordinator.unix_calls import Call, call

SOCKET = "SYNLEARN_BRIDGE"
"""Environment variable of the SuperExec: where the coordinator's socket is."""
_LIFETIME = 80.0
"""Seconds that a message may take there and back."""

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Carry invitations until the job is over."""
    carry(grid, str(context.run_config["job"]), lambda asked: call(Path(os.environ[SOCKET]), asked))


def carry(
    grid: Grid,
    job: str,
    ask: Callable[[Call], Call],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Tell who is online and what they said, send what comes back, until the job is over."""
    waiting: dict[str, int] = {}  # by message; an error's sender is the SuperLink, not the node
    while True:
        verdicts = list(_verdicts(grid, waiting))
        word = ask({"job": job, "nodes": _online(grid), "verdicts": verdicts})
        if word["over"]:
            return
        sent = [(int(node), base64.b64decode(body)) for node, body in word["invitations"].items()]
        if sent:
            messages = [_invitation(node, body) for node, body in sent]
            for number, (node, _) in zip(grid.push_messages(messages), sent, strict=True):
                waiting[number] = node
        sleep(float(word["pause"]))


def _online(grid: Grid) -> dict[str, str]:
    """Public keys of the SuperNodes that are online, by their numbers."""
    found = {}
    for node in grid.get_nodes():
        if node.status == "online" and node.public_key:
            pem = node.public_key
            key = load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
            der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            found[str(node.node_id)] = base64.b64encode(der).decode()
    return found


def _verdicts(grid: Grid, waiting: dict[str, int]) -> Iterator[Call]:
    """What has come back; forgets what it was the reply to."""
    for reply in grid.pull_messages(list(waiting)):
        node = waiting.pop(reply.metadata.reply_to_message_id, None)
        if node is None:
            continue
        if reply.has_content():
            said = reply.content["verdict"]
            accepted, sentence = bool(said["accepted"]), str(said["sentence"])
        else:
            accepted, sentence = False, f"Flower lost the message (code {reply.error.code})."
        yield {"node": str(node), "accepted": accepted, "sentence": sentence}


def _invitation(node: int, body: bytes) -> Message:
    content = RecordDict({"invitation": ConfigRecord({"body": body})})
    return Message(content, dst_node_id=node, message_type="query.invite", ttl=_LIFETIME)
