"""Validation functions `v_valid`: each file holds `psi` (one provider) and `combine` (all)."""
