"""Train a segmenter and a detector on drawn shapes.

uv run --group torch python -m experiments.convolution.vision_tasks
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.record import record
from reference.convolution.vision_tasks import (
    average_precision,
    dice,
    jaccard,
    match_boxes,
    nms,
)
from reference.training.training_loop import Data, fit

SIDE, STRIDE, CLASSES = 32, 4, 3  # circle, square, triangle
CELLS = SIDE // STRIDE
IMAGES, TEST_IMAGES, EPOCHS, SEEDS = 600, 200, 10, 3
SHOWN = 2


class Scenes(NamedTuple):
    """Images with the class of each pixel, and their objects' boxes."""

    images: np.ndarray  # (N, 1, SIDE, SIDE)
    masks: np.ndarray  # (N, SIDE, SIDE): 0 is the background
    boxes: list[np.ndarray]  # (M, 4) each: x1, y1, x2, y2
    labels: list[np.ndarray]  # (M,) each: 1 to CLASSES


def inside(label: int, box: np.ndarray) -> np.ndarray:
    """Return which pixels have their centre in the shape that fills a box."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    x, y = (x - box[0]) / (box[2] - box[0]), (y - box[1]) / (box[3] - box[1])
    if label == 1:
        return (x - 0.5) ** 2 + (y - 0.5) ** 2 <= 0.25
    if label == 2:
        return (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    return (y >= 0) & (y <= 1) & (np.abs(x - 0.5) <= y / 2)


def draw(n: int, rng: np.random.Generator) -> Scenes:
    """Draw n images of one or two shapes that do not overlap, on noise."""
    images = rng.normal(0, 0.25, (n, 1, SIDE, SIDE))
    masks = np.zeros((n, SIDE, SIDE), dtype=int)
    boxes, labels = [], []
    for image, mask in zip(images[:, 0], masks, strict=True):
        count, found = rng.integers(1, 3), []
        while len(found) < count:
            size = rng.integers(8, 15)
            x, y = rng.integers(0, SIDE - size + 1, 2)
            box = np.array([x, y, x + size, y + size], dtype=float)
            if all(
                (box[:2] >= other[2:]).any() or (box[2:] <= other[:2]).any()
                for _, other in found
            ):
                label = rng.integers(1, CLASSES + 1)
                pixels = inside(label, box)
                mask[pixels] = label
                image[pixels] += rng.uniform(0.5, 1)
                found.append((label, box))
        boxes.append(np.array([box for _, box in found]))
        labels.append(np.array([label for label, _ in found]))
    return Scenes(images, masks, boxes, labels)


def block(channels_in: int, channels_out: int) -> nn.Sequential:
    """Return a convolution of 3 x 3 that keeps the size."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


class Segmenter(nn.Module):
    """A U: down twice, up twice, and beside each level a bridge."""

    def __init__(self) -> None:
        """Make 4 scores a pixel: the background and three classes."""
        super().__init__()
        self.fine, self.middle = block(1, 8), block(8, 16)
        self.coarse = nn.Sequential(block(16, 32), block(32, 32))
        self.joined = block(32 + 16, 16)
        self.scores = nn.Conv2d(16 + 8, CLASSES + 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (N, 4, H, W) of images (N, 1, H, W)."""
        fine = self.fine(x)
        middle = self.middle(F.max_pool2d(fine, 2))
        coarse = self.coarse(F.max_pool2d(middle, 2))
        up = F.interpolate(coarse, scale_factor=2)
        up = self.joined(torch.cat([up, middle], dim=1))
        up = F.interpolate(up, scale_factor=2)
        return self.scores(torch.cat([up, fine], dim=1))


class Detector(nn.Module):
    """Scores and a box for every cell of a grid of 4 x 4 pixels."""

    def __init__(self) -> None:
        """Make 4 scores and 4 distances to the edges a cell."""
        super().__init__()
        self.features = nn.Sequential(
            block(1, 16),
            nn.MaxPool2d(2),
            block(16, 32),
            nn.MaxPool2d(2),
            block(32, 32),
            block(32, 32),
        )
        self.head = nn.Conv2d(32, CLASSES + 1 + 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 8, H / 4, W / 4): scores, then distances in cells."""
        scores, edges = self.head(self.features(x)).split([CLASSES + 1, 4], 1)
        return torch.cat([scores, F.softplus(edges)], dim=1)


def centres() -> np.ndarray:
    """Return the x and y of the centre of each cell, (2, CELLS, CELLS)."""
    y, x = STRIDE * (np.mgrid[:CELLS, :CELLS] + 0.5)
    return np.stack([x, y])


def grid_targets(scenes: Scenes) -> Tensor:
    """Return (N, 5, CELLS, CELLS): the class, and distances in cells.

    A cell has the class of the object within 4 pixels of whose centre its
    own centre lies, in both directions; else it is background, 0.
    """
    targets = np.zeros((len(scenes.images), 5, CELLS, CELLS))
    for target, boxes, labels in zip(
        targets, scenes.boxes, scenes.labels, strict=True
    ):
        for box, label in zip(boxes, labels, strict=True):
            low = centres() - box[:2, None, None]
            high = box[2:, None, None] - centres()
            near = (np.abs(low - high) <= 2 * STRIDE).all(axis=0)
            edges = np.concatenate([low, high]) / STRIDE
            target[0, near], target[1:, near] = label, edges[:, near]
    return torch.tensor(targets, dtype=torch.float32)


def detection_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """Return cross-entropy of all cells plus smooth L1 of those of objects."""
    label, edges = target[:, 0].long(), target[:, 1:]
    classes = F.cross_entropy(prediction[:, :-4], label)
    off = F.smooth_l1_loss(prediction[:, -4:], edges, reduction="none")
    objects = (label > 0)[:, None]
    return classes + (off * objects).sum() / (4 * objects.sum()).clamp(min=1)


@torch.no_grad()
def detections(model: nn.Module, images: np.ndarray) -> list[list[tuple]]:
    """Return for each image and class the boxes and scores of all cells."""
    output = model(torch.tensor(images, dtype=torch.float32))
    scores = torch.softmax(output[:, : CLASSES + 1], dim=1).double().numpy()
    edges = STRIDE * output[:, -4:].double().numpy()
    low, high = centres() - edges[:, :2], centres() + edges[:, 2:]
    boxes = np.concatenate([low, high], axis=1)
    boxes = boxes.transpose(0, 2, 3, 1).reshape(len(images), -1, 4)
    found = []
    for box, score in zip(boxes, scores, strict=True):
        of_class = score[1:].reshape(CLASSES, -1)
        found.append([(box[s > 0.05], s[s > 0.05]) for s in of_class])
    return found


def suppressed(found: list[list[tuple]]) -> list[list[tuple]]:
    """Return what non-maximum suppression keeps, class by class."""
    return [
        [(b[keep], s[keep]) for b, s in image for keep in [nms(b, s)]]
        for image in found
    ]


def precision(
    found: list[list[tuple]], scenes: Scenes, threshold: float = 0.5
) -> float:
    """Return the mean average precision of the three classes."""
    values = []
    for c in range(CLASSES):
        true = [
            box[label == c + 1]
            for box, label in zip(scenes.boxes, scenes.labels, strict=True)
        ]
        pairs = [(*image[c], t) for image, t in zip(found, true, strict=True)]
        correct = [match_boxes(b, s, t, threshold) for b, s, t in pairs]
        values.append(
            average_precision(
                np.concatenate([s for _, s, _ in pairs]),
                np.concatenate(correct),
                sum(map(len, true)),
                "101 points",
            )
        )
    return float(np.mean(values))


def train(
    seed: int, detector: bool, images: int = IMAGES, epochs: int = EPOCHS
) -> tuple[nn.Module, Scenes]:
    """Return a trained model and the scenes to test it on."""
    rng = np.random.default_rng(seed)
    scenes, test = draw(images, rng), draw(TEST_IMAGES, rng)
    torch.manual_seed(seed)
    model = Detector() if detector else Segmenter()

    def data(part: Scenes) -> Data:
        x = torch.tensor(part.images, dtype=torch.float32)
        return Data(
            x, grid_targets(part) if detector else torch.tensor(part.masks)
        )

    learned = data(scenes)
    fit(
        learned,
        Data(learned.x[:1], learned.y[:1]),  # nothing is chosen by its loss
        model,
        detection_loss if detector else F.cross_entropy,
        torch.optim.Adam(model.parameters(), lr=0.01),
        epochs,
        batch_size=16,
        seed=seed,
        progress=False,
    )
    return model, test


@torch.no_grad()
def segmentation(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """Return the class of each pixel."""
    return model(torch.tensor(images, dtype=torch.float32)).argmax(1).numpy()


def segmentation_scores(masks: np.ndarray, true: np.ndarray) -> dict:
    """Return accuracy, IoU and Dice of all test images as one."""
    pairs = [(masks == c, true == c) for c in range(CLASSES + 1)]
    return {
        "pixel_accuracy": float(np.mean(masks == true)),
        "background": float(np.mean(true == 0)),
        "iou": [float(jaccard(*pair)) for pair in pairs],
        "dice": [float(dice(*pair)) for pair in pairs],
    }


def detection_scores(found: list[list[tuple]], scenes: Scenes) -> dict:
    """Return mean average precisions with and without suppression."""
    kept = suppressed(found)
    steps = np.arange(10, 20) / 20
    return {
        "all_cells": precision(found, scenes),
        "nms": precision(kept, scenes),
        "strict": float(np.mean([precision(kept, scenes, t) for t in steps])),
    }


def written(a: np.ndarray) -> list[str]:
    """Return a row of pixels as a string of hexadecimal digits."""
    return ["".join(f"{v:x}" for v in row) for row in a]


def shown(scenes: Scenes, masks: np.ndarray, found: list) -> list[dict]:
    """Return the first scenes of two objects, and what was made of them."""
    two = [i for i, box in enumerate(scenes.boxes) if len(box) == 2][:SHOWN]
    levels = np.clip(np.round(scenes.images[:, 0] * 8), 0, 15).astype(int)
    kept = suppressed(found)

    def boxes(image: list[tuple]) -> list[list[float]]:
        return [
            [c + 1, round(float(score), 3), *(float(v) for v in box.round(1))]
            for c, (box_list, scores) in enumerate(image)
            for box, score in zip(box_list, scores, strict=True)
            if score > 0.5
        ]

    return [
        {
            "image": written(levels[i]),
            "true": written(scenes.masks[i]),
            "found": written(masks[i]),
            "true_boxes": scenes.boxes[i].tolist(),
            "all_cells": boxes(found[i]),
            "nms": boxes(kept[i]),
        }
        for i in two
    ]


def rounded(scores: dict) -> dict:
    """Return the numbers with four decimals."""
    return {
        name: [round(w, 4) for w in v] if isinstance(v, list) else round(v, 4)
        for name, v in scores.items()
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    numbers = {"segmenter": [], "detector": []}
    for seed in range(SEEDS):
        segmenter, scenes = train(seed, detector=False)
        masks = segmentation(segmenter, scenes.images)
        scores = segmentation_scores(masks, scenes.masks)
        numbers["segmenter"].append(rounded(scores))
        detector, scenes = train(seed, detector=True)
        found = detections(detector, scenes.images)
        numbers["detector"].append(rounded(detection_scores(found, scenes)))
        if not seed:
            numbers["shown"] = shown(scenes, masks, found)
    record(__file__, numbers)
