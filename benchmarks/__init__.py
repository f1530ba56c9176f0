"""Measurements that the documentation quotes; each writes a results.json."""
