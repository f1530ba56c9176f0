"""The operator's side: jobs, Algorithm 1, the session server, federations."""
