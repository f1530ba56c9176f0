"""Validation functions `v_valid`: each file holds `psi` (one provider) and `combine` (all).

For classification, parts are kept per class and not per task, so that one answer of a provider
serves all tasks: a task is a row of a table of class indices (`class_parts.Tasks`). Where a part
needs what all providers said before (LEEP's tables, the heads), there are two psi in the file.
"""
