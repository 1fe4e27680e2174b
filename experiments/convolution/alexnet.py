"""Train LeNet on digits, and look for what excites its units most.

uv run --group torch python -m experiments.convolution.alexnet
"""

import torch
import torch.nn.functional as F
from torch import nn

from experiments.digits import accuracy, few_digits
from experiments.record import record
from reference.convolution.alexnet import AlexNet, LeNet, layer_table
from reference.training.training_loop import Data, fit

EXAMPLES, EPOCHS, SEEDS, TOP = 1437, 8, 10, 20


def enlarge(data: Data) -> Data:
    """Return images of 32 x 32: every pixel three times three, and a margin."""
    x = data.x.reshape(-1, 1, 8, 8)
    x = x.repeat_interleave(3, dim=2).repeat_interleave(3, dim=3)
    return Data(F.pad(x, (4, 4, 4, 4)), data.y)


@torch.no_grad()
def stages(model: LeNet, x: torch.Tensor) -> list[torch.Tensor]:
    """Return both maps and the three dense layers, each after its ReLU."""
    first = model.features[:2](x)
    second = model.features[2:5](first)
    dense = torch.flatten(model.features[5](second), 1)
    layers = model.classifier
    third = layers[:2](dense)
    fourth = layers[2:4](third)
    return [first, second, third, fourth, layers[4](fourth)]


def responses(stage: torch.Tensor) -> torch.Tensor:
    """Return how much each image excites each unit; of a map the largest."""
    return stage.flatten(2).amax(2) if stage.ndim == 4 else stage


def alive(stage: torch.Tensor) -> torch.Tensor:
    """Return which units respond to TOP images, and not alike."""
    most = responses(stage).topk(TOP, dim=0).values
    return (most[-1] != 0) & (most[0] > most[-1])


def purity(model: LeNet, data: Data) -> list[float]:
    """Return for each stage how alike the images are that excite a unit most.

    Of the TOP images that excite a unit most this is the share that shows the
    most frequent digit, averaged over the units that are alive.
    """
    shares = []
    for stage in stages(model, data.x):
        images = responses(stage).topk(TOP, dim=0).indices
        counts = F.one_hot(data.y[images], 10).sum(0).amax(-1)
        shares.append((counts[alive(stage)] / TOP).mean().item())
    return shares


def favourites(stage: torch.Tensor, units: int, images: int) -> list:
    """Return where the first living units respond most: image, row, column."""
    found = []
    maps = stage if stage.ndim == 4 else stage[:, :, None, None]
    for unit in torch.nonzero(alive(stage)).flatten()[:units]:
        best = responses(stage)[:, unit].topk(images).indices
        places = maps[best, unit].flatten(1).argmax(1)
        rows, columns = places // maps.shape[3], places % maps.shape[3]
        found.append(torch.stack((best, rows, columns), 1).tolist())
    return found


def costs(model: nn.Module, shape: tuple[int, int, int]) -> list:
    """Return class, parameters and products of every layer with weights."""
    return [
        [row.name, row.parameters, row.products]
        for row in layer_table(model, shape)
        if row.parameters
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers = {"accuracy": [], "purity": [], "purity_untrained": []}
    for seed in range(SEEDS):
        data, validation = map(enlarge, few_digits(seed, EXAMPLES))
        torch.manual_seed(seed)
        model = LeNet()
        before = purity(model, validation)
        fit(
            data,
            validation,
            model,
            F.cross_entropy,
            torch.optim.Adam(model.parameters(), lr=0.003),
            EPOCHS,
            seed=seed,
            progress=False,
        )
        numbers["accuracy"].append(round(accuracy(validation, model), 3))
        after = purity(model, validation)
        numbers["purity"].append([round(p, 3) for p in after])
        numbers["purity_untrained"].append([round(p, 3) for p in before])
        if seed == 0:
            first, second, _, fourth, _ = stages(model, validation.x)
            kernels = model.features[0].weight[:, 0]
            numbers["kernels"] = [
                [round(w, 2) for w in kernel.flatten().tolist()]
                for kernel in kernels
            ]
            numbers["alive"] = torch.nonzero(alive(first)).flatten().tolist()
            numbers["first"] = favourites(first, 6, 2)
            numbers["second"] = favourites(second, 6, 3)
            numbers["fourth"] = favourites(fourth, 6, 3)
    numbers["lenet"] = costs(LeNet(), (1, 32, 32))
    with torch.device("meta"):
        numbers["alexnet"] = costs(AlexNet(), (3, 224, 224))
    record(__file__, numbers)
