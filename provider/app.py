"""Flower's ClientApp: a bridge that passes an invitation to the node, and its verdict back.

It runs as the SuperNode's user, beside the node and not in it: it sees no row, no key and no
ledger. Whatever bundle is sent in its place sees no more.
"""

from pathlib import Path

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

from provider.site.door import hand_in
from synlearn.errors import InputError

app = ClientApp()


@app.query("invite")
def invite(message: Message, context: Context) -> Message:
    """Knock at the node's door."""
    accepted, sentence = False, "The message holds no invitation, or --node-config no door."
    record = message.content.config_records.get("invitation")
    body = None if record is None else record.get("body")
    door = context.node_config.get("door")
    if isinstance(body, bytes) and isinstance(door, str):
        try:
            accepted, sentence = hand_in(Path(door), body)
        except InputError:  # where the door is, is the site's own affair
            sentence = "No node answers at the door; is it started?"
    verdict = ConfigRecord({"accepted": accepted, "sentence": sentence})
    return Message(RecordDict({"verdict": verdict}), reply_to=message)
