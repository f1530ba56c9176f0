"""A site: a node's folder, the jobs that its owner accepted, and the process that answers."""
