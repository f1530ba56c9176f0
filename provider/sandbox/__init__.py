"""Models that came over the wire are parsed and run in a process that can do nothing else."""
