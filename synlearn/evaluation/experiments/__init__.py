"""The papers' experiments, given what a job has learned."""
