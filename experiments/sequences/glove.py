"""Count words in several ways, fit GloVe to the counts, and ask analogies.

The stories of word2vec's experiment, apart or one after the other as one text,
with several windows; and with 1 added to all counts, so that none is 0. For
each: the share of analogies that come out with the given words left out of
the answers and with them, for the sum of both tables and for one table.

uv run --group torch python -m experiments.sequences.glove
"""

from itertools import permutations

import numpy as np

from experiments.record import record
from reference._corpus import ENGLISH, stories
from reference.sequences.glove import cooccurrence, glove_loss, train
from reference.sequences.word2vec import analogy, nearest

# Other seeds than those with which x_max and the size were chosen.
SEEDS, SIZE, X_MAX = range(10, 15), 32, 10.0
SETTINGS = [  # one text or not, window, what is added to each count
    (False, 5, 0),
    (False, 30, 0),
    (True, 10, 0),
    (True, 30, 0),
    (False, 30, 1),
]


def documents():
    """Return the stories as lists of word numbers, and the words' numbers."""
    told = [" ".join(s).replace(" .", "").split() for s in stories("en")]
    words = sorted({word for story in told for word in story})
    number = {word: i for i, word in enumerate(words)}
    return [np.array([number[w] for w in story]) for story in told], number


def questions(couples):
    """Return a, b, c and d of all "a is to b as c is to d", both ways."""
    asked = []
    for (a, b), (c, d) in permutations(couples, 2):
        asked += [(a, b, c, d), (b, a, d, c)]
    return np.array(asked).T


def share(vectors, couples, leave_out=True):
    """Return the share of right answers."""
    a, b, c, d = questions(couples)
    right = analogy(vectors, a, b, c, leave_out) == d
    return round(float(np.mean(right)), 3)


if __name__ == "__main__":
    texts, number = documents()
    words = list(number)
    asked = {
        "people": [[number[w] for w in couple] for couple in ENGLISH.people],
        "capitals": [[number[a], number[b]] for a, b, _ in ENGLISH.cities],
    }
    results = []
    for joined, window, added in SETTINGS:
        told = [np.concatenate(texts)] if joined else texts
        counts = cooccurrence(told, window, len(words)) + added
        found = {"zeros": round(float(np.mean(counts == 0)), 3), "loss": []}
        found |= {"near": [], "near_w": []}
        found |= {
            name + end: [] for name in asked for end in ("", "_all", "_w")
        }
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            p = train(counts, SIZE, rng, x_max=X_MAX)
            loss = glove_loss(*p, counts, x_max=X_MAX)
            found["loss"].append(round(float(loss), 1))
            for end, u in (("", p.w + p.w_tilde), ("_w", p.w)):
                near = nearest(u, number["king"], 4)
                found["near" + end].append([words[i] for i in near])
            for name, couples in asked.items():
                u = p.w + p.w_tilde
                found[name].append(share(u, couples))
                found[name + "_all"].append(share(u, couples, False))
                found[name + "_w"].append(share(p.w, couples))
        results.append(found)
        print(joined, window, added, found)
    record(__file__, {"settings": SETTINGS, "results": results})
