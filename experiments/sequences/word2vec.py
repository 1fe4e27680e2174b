"""Learn word vectors from short stories, and ask them planted analogies.

In two languages, for several windows and numbers of entries: the share of the
analogies that come out, with the three given words left out of the answers
and with them.

uv run --group torch python -m experiments.sequences.word2vec
"""

from itertools import permutations

import numpy as np

from experiments.record import record
from reference._corpus import ENGLISH, KOREAN, stories
from reference.sequences.word2vec import (
    analogy,
    nearest,
    noise_distribution,
    pairs,
    train,
)
from reference.unsupervised.pca import pca

SEEDS, EPOCHS, BATCH, RATE = 5, 1, 1000, 0.04
SETTINGS = [(2, 32), (5, 8), (5, 16), (5, 32)]  # window, entries
FORMS = {  # what may stick to a person, a city and a country
    "en": ([""], [""], [""]),
    "ko": (["은", "는"], ["은", "는"], ["의"]),
}


def documents(language):
    """Return the stories as lists of word numbers, and the words."""
    told = [
        " ".join(story).replace(" .", "").split() for story in stories(language)
    ]
    words = sorted({word for story in told for word in story})
    number = {word: i for i, word in enumerate(words)}
    return [np.array([number[w] for w in story]) for story in told], words


def planted(language, words):
    """Return the pairs of man and woman, and those of city and country."""
    number = {word: i for i, word in enumerate(words)}
    tell = {"en": ENGLISH, "ko": KOREAN}[language]

    def find(stem, endings):
        return next(number[stem + e] for e in endings if stem + e in number)

    person, city, country = FORMS[language]
    return (
        [[find(w, person) for w in couple] for couple in tell.people],
        [[find(a, city), find(b, country)] for a, b, _ in tell.cities],
    )


def questions(couples):
    """Return a, b, c and d of all "a is to b as c is to d", both ways."""
    asked = []
    for (a, b), (c, d) in permutations(couples, 2):
        asked += [(a, b, c, d), (b, a, d, c)]
    return np.array(asked).T


def shares(u, couples):
    """Return the share of right answers, without and with the given words."""
    a, b, c, d = questions(couples)
    return [
        round(float(np.mean(analogy(u, a, b, c, leave_out) == d)), 3)
        for leave_out in (True, False)
    ]


def learn(language, window, size, seed):
    """Return the trained vectors, the words and the planted pairs."""
    texts, words = documents(language)
    centre, context = pairs(texts, window)
    counts = np.bincount(np.concatenate(texts)).astype(np.float32)
    noise = noise_distribution(counts)
    u, _ = train(
        centre,
        context,
        noise,
        size,
        np.random.default_rng(seed),
        epochs=EPOCHS,
        batch=BATCH,
        lr=RATE,
    )
    return u, words, planted(language, words)


if __name__ == "__main__":
    numbers = {"settings": SETTINGS}
    for language in ("en", "ko"):
        results = {"people": [], "capitals": []}
        for window, size in SETTINGS:
            found = [learn(language, window, size, s) for s in range(SEEDS)]
            for i, name in enumerate(["people", "capitals"]):
                results[name].append([shares(u, p[i]) for u, _, p in found])
            if (window, size) == (5, 32):
                u, words, (people, _) = found[0]
                couples = np.array(people)
                scores = pca(u[couples.ravel()], 2).scores
                results["picture"] = scores.reshape(-1, 2, 2).round(3).tolist()
                near = nearest(u, people[0][0], 7)
                results["near"] = [words[i] for i in near]
                results["names"] = [[words[i] for i in c] for c in people]
                results["words"] = len(words)
        numbers[language] = results
        print(language, results["people"], results["capitals"])
        print(results["near"], results["words"])
    record(__file__, numbers)
