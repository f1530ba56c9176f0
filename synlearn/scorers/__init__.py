"""Direct scores of how well a model transfers to a task: higher is better in all of them.

Each is a function of arrays that returns a float, or raises `ScoreInputError` where it is not
defined. Many models at once, by the names of their scores: `synlearn.scorers.batch`.
"""

from synlearn.errors import ScoreInputError
from synlearn.scorers.dds import dds
from synlearn.scorers.etran import etran, etran_discriminant, etran_energy, etran_regression
from synlearn.scorers.fda import fda
from synlearn.scorers.gbc import gbc
from synlearn.scorers.hscore import hscore
from synlearn.scorers.hscore_regularised import hscore_regularised
from synlearn.scorers.knn import knn
from synlearn.scorers.leep import leep
from synlearn.scorers.logme import logme
from synlearn.scorers.logme_regression import logme_regression
from synlearn.scorers.nce import nce
from synlearn.scorers.ncti import ncti
from synlearn.scorers.nleep import nleep
from synlearn.scorers.parc import parc
from synlearn.scorers.ped import ped
from synlearn.scorers.ridge_loo import ridge_loo
from synlearn.scorers.rsa import rsa
from synlearn.scorers.sfda import sfda
from synlearn.scorers.transrate import transrate

__all__ = [
    "ScoreInputError",
    "dds",
    "etran",
    "etran_discriminant",
    "etran_energy",
    "etran_regression",
    "fda",
    "gbc",
    "hscore",
    "hscore_regularised",
    "knn",
    "leep",
    "logme",
    "logme_regression",
    "nce",
    "ncti",
    "nleep",
    "parc",
    "ped",
    "ridge_loo",
    "rsa",
    "sfda",
    "transrate",
]
