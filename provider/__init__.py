"""The data owner's side: a node that decides, records, and only then reads its data."""
