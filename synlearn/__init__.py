"""The learning library: tasks, zoos, the MRE model, and its evaluation. No network in here."""
