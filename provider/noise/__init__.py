"""Noise on what leaves in plain answers, where the provider's policy asks for it.

What is protected is one row: its replacement by any other row of its class. `sensitivity` says how
far such a row can move an answer, `mechanism` adds noise to suit, `charge` names the price, which
is paid before anything is computed. docs/provider-privacy.md says what that promises.
"""

from provider.noise.charge import check_noise, rho_of
from provider.noise.mechanism import noisy_answer
from provider.noise.rule import NoiseRule

__all__ = ["NoiseRule", "check_noise", "noisy_answer", "rho_of"]
