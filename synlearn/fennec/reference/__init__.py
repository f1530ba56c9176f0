"""Well-known architectures without weights, as published: what archi2vec is judged on.

They exist for their graphs: built on PyTorch's "meta" device they take no memory and no arithmetic.
Their numbers of parameters are those of the publications, which the tests check.
"""
