"""File formats of models; each module reads and writes one."""
