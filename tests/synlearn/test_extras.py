import sys

import pytest

from synlearn.errors import InputError
from synlearn.extras import optional


@pytest.mark.parametrize(
    ("module", "package"),
    [("gensim.models.doc2vec", "gensim")],
)
def test_a_missing_package_is_named(
    module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with pytest.raises(InputError, match=rf"{package}.*synlearn\[fennec\]"):
        optional(module)
