"""The jobs of a coordinator that serves sites: kept on disk, run in threads, told about."""
