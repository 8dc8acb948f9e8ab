"""RP3beta: a walk from a song to a listener to another song, less often to songs that are popular anyway.

Paudel, Christoffel, Newell & Bernstein, ACM TiiS 7(1), 2017.
"""

from dataclasses import dataclass

import numpy as np

from counterpoint.recommend.interactions import Interactions
from counterpoint.recommend.models.item_similarity import ItemSimilarityModel, largest_products


@dataclass(frozen=True)
class Rp3Beta:
    """Walks three steps from each listener.

    alpha      : the power of each step's chance
    beta       : the power of a song's popularity that its score is divided by
    neighbours : how many songs are kept to which each leads
    """

    neighbours: int = 300
    alpha: float = 0.65
    beta: float = 0.25
    weighting: str = "one"

    def fit(self, seen: Interactions, *, seed: int) -> ItemSimilarityModel:  # noqa: ARG002  nothing is drawn
        """Walk from every song at once."""
        liked = seen.liked
        weight = liked.weights(self.weighting).astype(np.float64)
        of_song = np.bincount(liked.song, weight, minlength=len(liked.songs))
        of_listener = np.bincount(liked.listener, weight, minlength=len(liked))
        # A step from a listener is shared between both of its songs: the products are the same.
        step = weight**self.alpha * of_listener[liked.listener] ** (-self.alpha / 2)
        positive = np.maximum(of_song, np.finfo(np.float32).tiny)
        left, right = (np.where(of_song > 0, positive**-power, 0.0) for power in (self.alpha, self.beta))
        matrix = largest_products(liked, step.astype(np.float32), left, right, self.neighbours)
        return ItemSimilarityModel(*matrix, self.weighting, self.alpha, mean=False)
