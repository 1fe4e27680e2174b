"""Vision tasks.

What a network for images is asked for, and how its answers are counted: the
share of right classes, the overlap of masks and of boxes, the precision of
ranked detections, near key points, and answers that people gave as well.

Axes    N images or boxes, C classes, M other boxes, K detections, J key
        points, Q people asked.
Page    docs/en/convolution/vision_tasks.md ("eq. 3" marks the line of its (3))
Source  Everingham et al., The Pascal Visual Object Classes (VOC) Challenge,
        IJCV 2010; Lin et al., Microsoft COCO, ECCV 2014; Yang and Ramanan,
        IEEE TPAMI 2013 (PCK); Antol et al., VQA, ICCV 2015
"""

from typing import NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Bool, Float, Int

from reference._typing import Array

RULES = ("step", "area", "11 points", "101 points")


class Curve(NamedTuple):
    """Precision and recall after each detection, by falling score."""

    precision: Float[Array, "K"]
    recall: Float[Array, "K"]


def top_k_accuracy(
    scores: Float[Array, "N C"], y: Int[Array, "N"], k: int = 1
) -> Float[Array, ""]:
    """Return the share of images whose class is among the k best scores.

    A class that has to share the k places with equals is not among them.

    Raises:
        ValueError: The shapes do not fit, there is no image, a score is NaN,
            y has other numbers than 0 to C - 1, or k is not one of 1 to C.

    >>> import numpy as np
    >>> top_k_accuracy(np.array([[0.5, 0.3, 0.2]]), np.array([1]), k=2)
    np.float64(1.0)
    """
    _require_floats("scores", scores, (None, None))
    n, classes = scores.shape
    xp = array_namespace(scores, y)
    if not xp.isdtype(y.dtype, "integral") or tuple(y.shape) != (n,):
        got = f"{y.dtype} {tuple(y.shape)}"
        raise ValueError(
            f"y needs an integer for each of {n} images, got {got}"
        )
    if not n:
        raise ValueError("a share needs 1 image, got none")
    if not _is_whole(k) or not 1 <= k <= classes:
        raise ValueError(f"k needs a whole number 1 to {classes}, got {k}")
    if bool(xp.any(xp.isnan(scores))):
        raise ValueError("scores need numbers, got NaN")
    labels = xp.arange(classes, dtype=xp.int64, device=y.device)
    is_own = xp.astype(y, xp.int64)[:, None] == labels
    if not bool(xp.all(xp.any(is_own, axis=1))):
        raise ValueError(f"y needs classes 0 to {classes - 1}, got others")
    own = xp.sum(xp.where(is_own, scores, xp.zeros_like(scores)), axis=1)
    place = xp.count_nonzero(scores >= own[:, None], axis=1)
    return xp.mean(xp.astype(place <= int(k), scores.dtype))  # eq. 1


def jaccard(
    prediction: Bool[Array, "*S"], target: Bool[Array, "*S"]
) -> Float[Array, ""]:
    """Return the pixels in both masks over those in one at least, in float64.

    Raises:
        ValueError: The masks differ in shape, are not boolean, or both empty.

    >>> import numpy as np
    >>> jaccard(np.array([True, True]), np.array([True, False]))
    np.float64(0.5)
    """
    _require_masks(prediction, target)
    both, one = _count(prediction & target), _count(prediction | target)
    return both / one  # eq. 2


def dice(
    prediction: Bool[Array, "*S"], target: Bool[Array, "*S"]
) -> Float[Array, ""]:
    """Return the pixels in both masks over their mean size, in float64.

    Raises:
        ValueError: As `jaccard`.

    >>> import numpy as np
    >>> dice(np.array([True, True, False]), np.array([False, True, True]))
    np.float64(0.5)
    """
    _require_masks(prediction, target)
    both = _count(prediction & target)
    return 2 * both / (_count(prediction) + _count(target))  # eq. 3


def iou(a: Float[Array, "N 4"], b: Float[Array, "M 4"]) -> Float[Array, "N M"]:
    """Return intersection over union of every box of a with every box of b.

    A box is x1, y1, x2, y2: two opposite corners with x1 < x2 and y1 < y2.

    Raises:
        ValueError: An array is not of boxes, or a box has no finite area > 0.

    >>> import numpy as np
    >>> iou(np.array([[0.0, 0, 2, 2]]), np.array([[0.0, 0, 1, 2]]))
    array([[0.5]])
    """
    area_a, area_b = _area("a", a), _area("b", b)
    xp = array_namespace(a, b)
    low = xp.maximum(a[:, None, :2], b[None, :, :2])
    high = xp.minimum(a[:, None, 2:], b[None, :, 2:])
    side = xp.clip(high - low, min=0)
    both = side[..., 0] * side[..., 1]  # eq. 4
    return both / (area_a[:, None] + area_b - both)  # eq. 5


def nms(
    boxes: Float[Array, "K 4"],
    scores: Float[Array, "K"],
    threshold: float = 0.5,
) -> Int[Array, "L"]:
    """Return the indices of the boxes that are kept, by falling score.

    A box goes if it overlaps a better one that is kept by an IoU above the
    threshold. Among equal scores the first box counts as the better one.

    Raises:
        ValueError: As `iou`, the scores are not one number for each box, or
            the threshold does not lie between 0 and 1.

    >>> import numpy as np
    >>> boxes = np.array([[0.0, 0, 2, 2], [0, 0, 2, 1.9], [5, 5, 6, 6]])
    >>> nms(boxes, np.array([0.7, 0.9, 0.8]))
    array([1, 2])
    """
    _area("boxes", boxes)
    _require_scores(scores, boxes.shape[0])
    _require_threshold(threshold)
    xp = array_namespace(boxes, scores)
    order = xp.argsort(-scores, stable=True)
    boxes = xp.take(boxes, order, axis=0)
    near = iou(boxes, boxes) > float(threshold)
    later = xp.triu(xp.ones_like(near), k=1)
    kept = xp.ones_like(scores, dtype=xp.bool)
    for i in range(scores.shape[0]):
        kept = kept & ~(kept[i] & near[i, :] & later[i, :])  # eq. 6
    return order[kept]


def match_boxes(
    boxes: Float[Array, "K 4"],
    scores: Float[Array, "K"],
    true: Float[Array, "M 4"],
    threshold: float = 0.5,
) -> Bool[Array, "K"]:
    """Return for each detection of an image whether it found a new object.

    By falling score, each takes the object that overlaps it most, of those
    not taken yet and with an IoU of the threshold at least.

    Raises:
        ValueError: As `nms`, also for the true boxes.

    >>> import numpy as np
    >>> box = np.array([[0.0, 0, 2, 2]])
    >>> match_boxes(np.concat([box, box]), np.array([0.8, 0.9]), box)
    array([False,  True])
    """
    _require_scores(scores, boxes.shape[0])
    _require_threshold(threshold)
    xp = array_namespace(boxes, scores, true)
    overlap = iou(boxes, true)
    correct = xp.zeros_like(scores, dtype=xp.bool)
    if not true.shape[0]:
        return correct
    order = xp.argsort(-scores, stable=True)
    for i in range(scores.shape[0]):
        k = int(order[i])
        j = int(xp.argmax(overlap[k, :]))
        if overlap[k, j] >= float(threshold):
            correct[k] = True
            overlap[:, j] = -1  # an object is found once
    return correct


def precision_recall(
    scores: Float[Array, "K"],
    correct: Bool[Array, "K"],
    total: int | None = None,
) -> Curve:
    """Return precision and recall of the best 1, 2, ... K detections.

    Of all images together; total is the number of true objects, by default
    that of the correct detections. Equal scores come in together.

    Raises:
        ValueError: The shapes do not fit, a score is NaN, or total is not a
            whole number of at least 1 and at least that of the correct ones.

    >>> import numpy as np
    >>> precision_recall(np.array([0.9, 0.8]), np.array([True, False]), 2)
    Curve(precision=array([1. , 0.5]), recall=array([0.5, 0.5]))
    """
    total = _require_total(scores, correct, total)
    xp = array_namespace(scores, correct)
    order = xp.argsort(-scores, stable=True)
    falling = xp.take(-scores, order)
    hits = xp.cumulative_sum(xp.astype(xp.take(correct, order), xp.int64))
    rank = xp.searchsorted(falling, falling, side="right")
    # float64 counts further than the scores may be able to
    found = xp.astype(xp.take(hits, rank - 1), xp.float64)
    precision = found / xp.astype(rank, xp.float64)  # eq. 7
    recall = found / (total * xp.ones_like(found))  # eq. 8
    return Curve(
        xp.astype(precision, scores.dtype), xp.astype(recall, scores.dtype)
    )


def average_precision(
    scores: Float[Array, "K"],
    correct: Bool[Array, "K"],
    total: int | None = None,
    rule: str = "area",
) -> Float[Array, ""]:
    """Return the mean precision over the recall from 0 to 1.

    The rule is "step" (no envelope, as in scikit-learn), "area" (under the
    envelope, VOC since 2010), "11 points" (VOC 2007) or "101 points" (COCO).

    Raises:
        ValueError: As `precision_recall`, or the rule is another one.

    >>> import numpy as np
    >>> average_precision(np.array([0.9, 0.8]), np.array([True, False]), 2)
    np.float64(0.5)
    """
    if rule not in RULES:
        raise ValueError(f"the rule needs to be one of {RULES}, got {rule!r}")
    precision, recall = precision_recall(scores, correct, total)
    xp = array_namespace(scores)
    none = xp.zeros(1, dtype=scores.dtype, device=scores.device)
    if rule != "step":
        precision = _envelope(precision)
    if rule in ("step", "area"):
        rise = recall - xp.concat([none, recall])[: recall.shape[0]]
        return xp.sum(rise * precision)  # eq. 10
    steps = int(rule.split()[0]) - 1
    grid = xp.arange(steps + 1, dtype=scores.dtype, device=scores.device)
    grid = grid / (steps * xp.ones_like(grid))  # rounded as the recall is
    reached = xp.searchsorted(recall, grid, side="left")
    return xp.mean(xp.take(xp.concat([precision, none]), reached))  # eq. 11


def pck(
    predicted: Float[Array, "N J 2"],
    true: Float[Array, "N J 2"],
    size: Float[Array, "N"],
    alpha: float = 0.2,
    visible: Bool[Array, "N J"] | None = None,
) -> Float[Array, ""]:
    """Return the share of key points that are at most alpha * size away.

    The size of each person and all points are in one unit, such as pixels.
    Only visible points count, by default all. A predicted NaN is a miss.

    Raises:
        ValueError: The shapes do not fit, no point is visible, a visible true
            point is not finite, or a size or alpha is not finite and > 0.

    >>> import numpy as np
    >>> true = np.array([[[0.0, 0.0], [9.0, 9.0]]])
    >>> pck(true + np.array([[[0.0, 2.0], [3.0, 4.0]]]), true, np.array([10.0]))
    np.float64(0.5)
    """
    _require_floats("predicted", predicted, (None, None, 2))
    _require_floats("true", true, tuple(predicted.shape))
    _require_floats("size", size, tuple(predicted.shape[:1]))
    xp = array_namespace(predicted, true, size)
    if visible is None:
        visible = xp.ones_like(true[..., 0], dtype=xp.bool)
    shape = tuple(predicted.shape[:2])
    if visible.dtype != xp.bool or tuple(visible.shape) != shape:
        got = f"{visible.dtype} {tuple(visible.shape)}"
        raise ValueError(f"visible needs booleans {shape}, got {got}")
    if not bool(xp.any(visible)):
        raise ValueError("a share needs 1 visible point, got none")
    if not bool(xp.all(xp.isfinite(true) | ~visible[..., None])):
        raise ValueError("visible points need to be finite, got NaN or inf")
    limit = float(alpha) * size
    if not bool(xp.all((limit > 0) & xp.isfinite(limit) & (size > 0))):
        raise ValueError(f"alpha and sizes need to be > 0, got alpha {alpha}")
    off = predicted - true
    near = xp.hypot(off[..., 0], off[..., 1]) <= limit[:, None]
    return xp.mean(xp.astype(near[visible], predicted.dtype))  # eq. 12


def vqa_accuracy(
    answer: Int[Array, "N"], human: Int[Array, "N Q"]
) -> Float[Array, "N"]:
    """Return for each answer the people who gave it over 3, at most 1.

    Answers are numbers of a list of answers. The result is in float64.

    Raises:
        ValueError: The shapes do not fit, answers are not integers, or fewer
            than 3 people answered.

    >>> import numpy as np
    >>> vqa_accuracy(np.array([7]), np.array([[7, 5, 7, 5, 5, 5]])).round(2)
    array([0.67])
    """
    xp = array_namespace(answer, human)
    fits = human.ndim == 2 and tuple(answer.shape) == tuple(human.shape[:1])
    if not fits or human.shape[1] < 3:
        got = f"{tuple(answer.shape)} and {tuple(human.shape)}"
        raise ValueError(f"needs shapes (N,) and (N, Q >= 3), got {got}")
    for numbers in (answer, human):
        if not xp.isdtype(numbers.dtype, "integral"):
            raise ValueError(f"answers need integers, got {numbers.dtype}")
    said = xp.count_nonzero(human == answer[:, None], axis=1)
    return xp.clip(xp.astype(said, xp.float64) / 3, max=1)  # eq. 13


def _envelope(p: Float[Array, "K"]) -> Float[Array, "K"]:
    """Return the largest of each number and all that follow it."""
    xp = array_namespace(p)
    reach = 1
    while reach < p.shape[0]:
        ahead = xp.maximum(p[:-reach], p[reach:])  # eq. 9
        p, reach = xp.concat([ahead, p[-reach:]]), 2 * reach
    return p


def _area(name: str, boxes: Float[Array, "K 4"]) -> Float[Array, "K"]:
    """Return width times height.

    Raises:
        ValueError: These are no boxes, or one has no finite area > 0.
    """
    _require_floats(name, boxes, (None, 4))
    xp = array_namespace(boxes)
    side = boxes[:, 2:] - boxes[:, :2]
    area = side[:, 0] * side[:, 1]
    good = xp.all(side > 0, axis=1) & (area > 0)
    good = good & xp.isfinite(2 * area)  # a union adds two areas
    if not bool(xp.all(good)):
        raise ValueError(
            f"{name} need x1 < x2, y1 < y2 and a finite area, got "
            f"{int(xp.count_nonzero(~good))} other boxes"
        )
    return area


def _count(mask: Bool[Array, "*S"]) -> Float[Array, ""]:
    xp = array_namespace(mask)
    return xp.astype(xp.count_nonzero(mask), xp.float64)


def _is_whole(v: int) -> bool:
    # An array has __index__ too, even that of 2.5.
    whole = hasattr(v, "__index__") and not hasattr(v, "__len__")
    return whole and not isinstance(v, bool)


def _require_floats(
    name: str, a: Float[Array, "..."], shape: tuple[int | None, ...]
) -> None:
    """Raise unless a holds floats in a shape, in which None is any length."""
    xp = array_namespace(a)
    got = tuple(a.shape)
    fits = len(got) == len(shape) and all(
        wanted in (None, length)
        for wanted, length in zip(shape, got, strict=True)
    )
    if not fits or not xp.isdtype(a.dtype, "real floating"):
        wanted = str(shape).replace("None", "any")
        raise ValueError(f"{name} needs floats {wanted}, got {a.dtype} {got}")


def _require_masks(a: Bool[Array, "*S"], b: Bool[Array, "*S"]) -> None:
    xp = array_namespace(a, b)
    if tuple(a.shape) != tuple(b.shape):
        got = f"{tuple(a.shape)} and {tuple(b.shape)}"
        raise ValueError(f"masks need one shape, got {got}")
    if a.dtype != xp.bool or b.dtype != xp.bool:
        raise ValueError(f"masks need booleans, got {a.dtype} and {b.dtype}")
    if not bool(xp.any(a | b)):
        raise ValueError("an overlap needs a pixel in a mask, got two empty")


def _require_scores(scores: Float[Array, "K"], count: int) -> None:
    _require_floats("scores", scores, (count,))
    xp = array_namespace(scores)
    if bool(xp.any(xp.isnan(scores))):
        raise ValueError("scores need numbers, got NaN")


def _require_threshold(threshold: float) -> None:
    if not 0 <= threshold <= 1:
        raise ValueError(f"needs 0 <= threshold <= 1, got {threshold}")


def _require_total(
    scores: Float[Array, "K"], correct: Bool[Array, "K"], total: int | None
) -> int:
    """Return the number of true objects, at least the correct detections."""
    xp = array_namespace(scores, correct)
    if correct.ndim != 1 or correct.dtype != xp.bool:
        got = f"{correct.dtype} {tuple(correct.shape)}"
        raise ValueError(f"correct needs a boolean per detection, got {got}")
    _require_scores(scores, correct.shape[0])
    found = int(xp.count_nonzero(correct))
    total = found if total is None else total
    if not _is_whole(total) or total < max(found, 1):
        raise ValueError(
            f"total needs a whole number of at least 1 and of the {found} "
            f"correct detections, got {total}"
        )
    return int(total)
