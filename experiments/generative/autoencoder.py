"""Compare autoencoders with principal components on held-out digits.

For codes of 2, 4, 8 and 16 numbers: the error of principal components, of a
linear autoencoder and of one with a hidden layer. With 16 numbers: the same
with two hidden layers, from few examples, with noise to remove, and how far
decoded random codes are from the nearest digit. One map of codes of 2 numbers.

uv run --group torch python -m experiments.generative.autoencoder
"""

import torch
from torch import Tensor

from experiments.record import record
from reference._datasets import digits
from reference.generative.autoencoder import (
    Autoencoder,
    denoising_pairs,
    principal_autoencoder,
    reconstruction_error,
)
from reference.training.training_loop import Data, evaluate, fit

CODES, LABELS = (2, 4, 8, 16), (0, 1, 3, 4, 7)
SEEDS, EPOCHS, FEW, STD = 5, 35, 100, 0.25


def train(widths: list[int], data: Data, seed: int, epochs: int) -> Autoencoder:
    """Return an autoencoder trained on these pairs."""
    torch.manual_seed(seed)
    model = Autoencoder(widths)
    rate = 0.01 if len(widths) == 2 else 0.003
    algorithm = torch.optim.Adam(model.parameters(), lr=rate)
    fit(
        data,
        Data(data.x[:64], data.y[:64]),
        model,
        reconstruction_error,
        algorithm,
        epochs,
        batch_size=64,
        seed=seed,
        progress=False,
    )
    return model


def error(model: Autoencoder, data: Data) -> float:
    """Return the reconstruction error on these pairs, rounded."""
    return round(evaluate(data, model, reconstruction_error), 4)


@torch.no_grad()
def to_nearest(x: Tensor, examples: Tensor) -> float:
    """Return the mean squared distance to the nearest of the examples."""
    squares = torch.cdist(x, examples).min(dim=1).values ** 2
    return round(squares.mean().item(), 4)


@torch.no_grad()
def random_codes(deep: Autoencoder, x: Tensor, x_test: Tensor) -> dict:
    """Return how far random codes, decoded, and test digits are from digits.

    The codes are normal, with mean and standard deviation of the real codes.
    """
    z = deep.encode(x)
    drawn = torch.randn(len(x_test), z.shape[1]) * z.std(dim=0) + z.mean(dim=0)
    images = deep.decode(drawn)
    return {
        "random": to_nearest(images, x),
        "reconstructed": to_nearest(deep(x_test), x),
        "held_out": to_nearest(x_test, x),
        "images": (100 * images[:5]).round().int().tolist(),
    }


def run(seed: int) -> dict:
    """Return all that is measured on one split of the digits."""
    split = digits(seed=seed)
    x, x_test = (
        torch.tensor(a, dtype=torch.float32) for a in (split.x, split.x_test)
    )
    data, test = Data(x, x), Data(x_test, x_test)
    few = Data(x[:FEW], x[:FEW])
    generator = torch.Generator().manual_seed(seed)
    noisy = denoising_pairs(x_test, STD, generator)
    result = {"pca": [], "linear": [], "deep": []}
    for code in CODES:
        linear = train([64, code], data, seed, EPOCHS)
        deep = train([64, 128, code], data, seed, EPOCHS)
        result["pca"].append(error(principal_autoencoder(x, code), test))
        result["linear"].append(error(linear, test))
        result["deep"].append(error(deep, test))
        if code == 2 and seed == 0:
            shown = [list(split.y_test).index(label) for label in LABELS]
            with torch.no_grad():
                codes, images = deep.encode(x_test), deep(x_test)[shown]
            result["codes"] = (100 * codes[:150]).round().int().tolist()
            result["images"] = (100 * images).round().int().tolist()
    pairs = denoising_pairs(x, STD, generator, copies=20)
    result["two_hidden"] = error(
        train([64, 128, 32, 16], data, seed, EPOCHS), test
    )
    result["few"] = {
        "pca": error(principal_autoencoder(few.x, 16), test),
        "deep": error(train([64, 128, 16], few, seed, 300), test),
    }
    result["noisy"] = {
        "as_it_is": round(reconstruction_error(*noisy).item(), 4),
        "pca": error(principal_autoencoder(x, 16), noisy),
        "deep": error(deep, noisy),
        "denoising": error(train([64, 128, 16], pairs, seed, 2), noisy),
    }
    result["distance"] = random_codes(deep, x, x_test)
    if seed:
        del result["distance"]["images"]
    return result


if __name__ == "__main__":
    torch.set_num_threads(1)
    runs = [run(seed) for seed in range(SEEDS)]
    record(__file__, {"codes": CODES, "labels": LABELS, "runs": runs})
