"""BERT on the stories: both tasks of pre-training, then fine-tuning.

Five seeds. Each pre-trains one network, and then learns two classifications
of stories from few labels, with the pre-trained network and from new weights.
Two more networks learn from pairs of which only the content tells whether
they are neighbours.
"""

from collections import Counter
from copy import deepcopy
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from experiments.record import record
from reference._corpus import ENGLISH, stories
from reference.transformers.bert import (
    IGNORE,
    SPECIAL,
    Bert,
    PretrainingHeads,
    mask_tokens,
    pack,
    pretraining_loss,
    sentence_pairs,
)

HELD_OUT = 64
LENGTH = 24
WIDTH = 32
SPECIAL_IDS = range(len(SPECIAL))


def vocabulary_of(told):
    """Return ids for the special tokens and all words of the stories."""
    words = {word for story in told for word in " ".join(story).split()}
    return {token: i for i, token in enumerate([*SPECIAL, *sorted(words)])}


def pairs_of_one_kind(told, rng):
    """Return pairs as sentence_pairs, but B always from the next place.

    What is random is only the story it comes from.
    """
    pairs = []
    for n, story in enumerate(told):
        for i, b in enumerate(story[1:]):
            label = int(rng.integers(2))
            if label == 1:
                skip = int(rng.integers(1, len(told)))
                b = told[(n + skip) % len(told)][i + 1]
            pairs.append((story[i], b, label))
    return pairs


def best_of_one_kind(told):
    """Return the accuracy of knowing all neighbours of all stories."""
    true = {pair for story in stories() for pair in pairwise(story)}
    drawn = pairs_of_one_kind(told * 20, np.random.default_rng(300))
    return sum((y == 0) == ((a, b) in true) for a, b, y in drawn) / len(drawn)


def batch_of(told, vocabulary, rng, draw=sentence_pairs):
    """Return new pairs of some stories, masked: what the loss needs."""
    pairs = draw(told, rng)
    packed = pack([(a, b) for a, b, _ in pairs], vocabulary, LENGTH)
    inputs, targets = mask_tokens(
        packed.tokens,
        vocabulary["[MASK]"],
        len(vocabulary),
        SPECIAL_IDS,
        rng,
    )
    labels = torch.tensor([label for _, _, label in pairs])
    return packed._replace(tokens=inputs), targets, labels


def new_model(vocabulary, seed):
    """Return a small network and its heads."""
    torch.manual_seed(seed)
    bert = Bert(len(vocabulary), LENGTH, WIDTH, heads=2, layers=2)
    return bert, PretrainingHeads(bert.token)


def kind(sentence):
    """Return which sentence of a story this is, 0 to 3."""
    marks = ("lives in", "takes", "is the capital", "in the")
    return next(i for i, mark in enumerate(marks) if mark in sentence)


@torch.no_grad()
def right_of_kind(bert, heads, told, vocabulary):
    """Return the accuracy on pairs of the right kinds but of two stories."""
    drawn = sentence_pairs(told * 8, np.random.default_rng(200))
    pairs = [
        (a, b) for a, b, label in drawn if label and kind(b) == kind(a) + 1
    ]
    _, pair_logits = heads(*bert(*pack(pairs, vocabulary, LENGTH)))
    return pair_logits.argmax(-1).float().mean().item()


def commonest(told):
    """Return the share of the commonest word, as a guess for hidden ones."""
    words = [word for story in told for word in " ".join(story).split()]
    return max(Counter(words).values()) / len(words)


@torch.no_grad()
def accuracies(bert, heads, batch):
    """Return the shares of hidden tokens and of pairs that are named right."""
    packed, targets, labels = batch
    token_logits, pair_logits = heads(*bert(*packed))
    selected = targets != IGNORE
    right = token_logits.argmax(-1)[selected] == targets[selected]
    follows = pair_logits.argmax(-1) == labels
    return right.float().mean().item(), follows.float().mean().item()


def pretrain(seed, steps, every=0, draw=sentence_pairs, rate=5e-3):
    """Return a network, its heads, and accuracies on the held-out stories."""
    told, rng = stories("en"), np.random.default_rng(seed)
    vocabulary = vocabulary_of(told)
    train, held_out = told[:-HELD_OUT], told[-HELD_OUT:]
    bert, heads = new_model(vocabulary, seed)
    both = nn.ModuleList([bert, heads])
    algorithm = torch.optim.Adam(both.parameters(), lr=rate)
    warmup = torch.optim.lr_scheduler.LinearLR(algorithm, 0.05, 1.0, 20)
    test = batch_of(held_out * 4, vocabulary, np.random.default_rng(100), draw)
    history = [(0, *accuracies(bert, heads, test))]
    for step in range(1, steps + 1):
        some = rng.choice(len(train), 12, replace=False)
        packed, targets, labels = batch_of(
            [train[i] for i in some], vocabulary, rng, draw
        )
        token_logits, pair_logits = heads(*bert(*packed))
        loss = pretraining_loss(token_logits, targets, pair_logits, labels)
        algorithm.zero_grad()
        loss.backward()
        algorithm.step()
        warmup.step()
        if step == steps or (every and step % every == 0):
            history.append((step, *accuracies(bert, heads, test)))
    return bert, heads, history


def labelled(told, task):
    """Return the first two sentences of each story, packed, and its class."""
    packed = pack([(s[0], s[1]) for s in told], vocabulary_of(stories()))
    people = [
        (role, gender, person)
        for role, two in enumerate(ENGLISH.people)
        for gender, person in enumerate(two)
    ]
    classes = [
        next(
            role if task == "role" else gender
            for role, gender, person in people
            if person == story[0].split()[1]
        )
        for story in told
    ]
    return packed, torch.tensor(classes)


def fine_tune(bert, task, count, seed, steps=60):
    """Return the accuracy on held-out stories after learning from a few."""
    told, classes = stories("en"), {"role": 8, "gender": 2}[task]
    some = np.random.default_rng(seed).choice(
        len(told) - HELD_OUT, count, replace=False
    )
    packed, y = labelled([told[i] for i in some], task)
    packed_test, y_test = labelled(told[-HELD_OUT:], task)
    torch.manual_seed(seed)
    model, output = deepcopy(bert), nn.Linear(WIDTH, classes)
    algorithm = torch.optim.Adam(
        [*model.parameters(), *output.parameters()], lr=3e-3
    )
    for _ in range(steps):
        loss = F.cross_entropy(output(model(*packed)[1]), y)
        algorithm.zero_grad()
        loss.backward()
        algorithm.step()
    with torch.no_grad():
        found = output(model(*packed_test)[1]).argmax(-1)
    return loss.item(), (found == y_test).float().mean().item()


def main():
    """Record what came out."""
    torch.set_num_threads(1)
    runs, of_kind, tuned = [], [], {}
    vocabulary, held_out = vocabulary_of(stories()), stories()[-HELD_OUT:]
    for seed in range(5):
        bert, heads, history = pretrain(seed, 400, 40)
        runs.append([[s, round(a, 4), round(b, 4)] for s, a, b in history])
        right = right_of_kind(bert, heads, held_out, vocabulary)
        of_kind.append(round(right, 4))
        new, _ = new_model(vocabulary, 50 + seed)
        for task in ("gender", "role"):
            for count in (8, 32):
                for name, start in (("pre-trained", bert), ("new", new)):
                    loss, right = fine_tune(start, task, count, seed)
                    tuned.setdefault(f"{task}, {count}, {name}", []).append(
                        [round(loss, 4), round(right, 4)]
                    )
    one_kind = []
    for seed in range(2):
        _, _, history = pretrain(seed, 2400, 200, pairs_of_one_kind, 2e-3)
        one_kind.append([[s, round(a, 4), round(b, 4)] for s, a, b in history])
    numbers = {
        "commonest": round(commonest(held_out), 4),
        "pretraining": runs,
        "of_kind": of_kind,
        "one_kind": one_kind,
        "best_of_one_kind": round(best_of_one_kind(held_out), 4),
        "fine_tuning": tuned,
    }
    record(__file__, numbers)


if __name__ == "__main__":
    main()
