import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from experiments.convolution.vision_tasks import (
    STRIDE,
    Scenes,
    centres,
    detection_scores,
    detections,
    draw,
    grid_targets,
    segmentation,
    segmentation_scores,
    train,
)
from reference.convolution.vision_tasks import (
    RULES,
    average_precision,
    dice,
    iou,
    jaccard,
    match_boxes,
    nms,
    pck,
    precision_recall,
    top_k_accuracy,
    vqa_accuracy,
)
from tests.checks import assert_close, assert_float32, assert_gradient, to_numpy

RESULT = Path(__file__).parents[2] / "experiments/convolution/vision_tasks.json"

# The page's example: five detections, four true objects.
SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
CORRECT = np.array([True, False, True, True, False])
# Five boxes on a line, of which neighbours overlap by 3/5.
ROW = np.array([[i, 0.0, i + 4, 4] for i in range(5)])


def boxes_of(rng, n, side=12):
    """Return n boxes with whole corners, as floats."""
    low = rng.integers(0, side - 1, size=(n, 2))
    high = rng.integers(low + 1, side + 1)
    return np.concat([low, high], axis=1).astype(float)


def pixels(box, side=12):
    """Return the pixels of a box with whole corners, by a loop."""
    x1, y1, x2, y2 = box
    return {
        (x, y)
        for x in range(side)
        for y in range(side)
        if x1 <= x < x2 and y1 <= y < y2
    }


# The page's equations, each written out index by index below its LaTeX.


@pytest.mark.parametrize("k", [1, 2, 4])
def test_eq_1(k, rng, array):
    r"""\text{top-}k = \frac{1}{N} \sum_{n=1}^{N} \Bigl[ \,
    \sum_{c=1}^{C} [s_{nc} \ge s_{n y_n}] \le k \, \Bigr]"""
    s = rng.integers(0, 6, size=(30, 5)) / 2
    y = rng.integers(0, 5, size=30)
    hits = 0
    for n in range(30):
        place = 0
        for c in range(5):
            place += bool(s[n, c] >= s[n, y[n]])
        hits += place <= k
    assert 0 < hits < 30
    assert_close(top_k_accuracy(array(s), array(y), k), np.float64(hits / 30))


def masks_of(rng):
    return rng.random((2, 6, 7)) < np.array([[[0.3]], [[0.6]]])


def test_eq_2(rng, array):
    r"""J = \frac{|A \cap B|}{|A \cup B|}"""
    a, b = masks_of(rng)
    both = sum(a[i, j] and b[i, j] for i, j in np.ndindex(6, 7))
    one = sum(a[i, j] or b[i, j] for i, j in np.ndindex(6, 7))
    assert_close(jaccard(array(a), array(b)), np.float64(both / one))


def test_eq_3(rng, array):
    r"""D = \frac{2 \, |A \cap B|}{|A| + |B|}"""
    a, b = masks_of(rng)
    both = sum(a[i, j] and b[i, j] for i, j in np.ndindex(6, 7))
    sizes = [sum(m[i, j] for i, j in np.ndindex(6, 7)) for m in (a, b)]
    assert_close(dice(array(a), array(b)), np.float64(2 * both / sum(sizes)))


def sides(a, b):
    """Return how long two boxes overlap along x and along y."""
    return [
        max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in range(2)
    ]


def test_eq_4(rng, array):
    r"""\begin{aligned} I = {}
    & \max(0, \min(x_2, x'_2) - \max(x_1, x'_1)) \\
    & \cdot \max(0, \min(y_2, y'_2) - \max(y_1, y'_1)) \end{aligned}"""
    a, b = boxes_of(rng, 6), boxes_of(rng, 7)
    found = to_numpy(iou(array(a), array(b)))
    for n, m in np.ndindex(6, 7):
        both = sides(a[n], b[m])[0] * sides(a[n], b[m])[1]
        area = sum((q[2] - q[0]) * (q[3] - q[1]) for q in (a[n], b[m]))
        # I back from the IoU, which is I / (S - I) for the sum of areas S
        assert_close(found[n, m] * area / (1 + found[n, m]), np.float64(both))


def test_eq_5(rng, array):
    r"""\operatorname{IoU} = \frac{I}{S + S' - I}"""
    a, b = boxes_of(rng, 6), boxes_of(rng, 7)
    expected = np.empty((6, 7))
    for n, m in np.ndindex(6, 7):
        both = sides(a[n], b[m])[0] * sides(a[n], b[m])[1]
        area = [(q[2] - q[0]) * (q[3] - q[1]) for q in (a[n], b[m])]
        expected[n, m] = both / (area[0] + area[1] - both)
    assert_close(iou(array(a), array(b)), expected)


def test_eq_6(rng, array):
    r"""\kappa_k = \prod_{j=1}^{k-1}
    \bigl( 1 - \kappa_j \, [\operatorname{IoU}_{jk} > t] \bigr)"""
    for t in (0.05, 0.1, 0.3):
        boxes, scores = boxes_of(rng, 15), rng.permutation(15) / 15
        order = sorted(range(15), key=lambda k: -scores[k])
        overlap = iou(boxes, boxes)
        kept = []
        for k in range(15):
            product = 1
            for j in range(k):
                over = overlap[order[j], order[k]] > t
                product *= 1 - kept[j] * over
            kept.append(product)
        expected = [i for i, keep in zip(order, kept, strict=True) if keep]
        assert 1 < len(expected) < 15
        assert_close(nms(array(boxes), array(scores), t), expected)


def ranked(rng, n=20):
    """Return scores in random order, some correct, and the true objects."""
    return rng.permutation(n) / n, rng.random(n) < 0.5, n


def by_score(scores, correct):
    order = sorted(range(len(scores)), key=lambda k: -scores[k])
    return [bool(correct[k]) for k in order]


def test_eq_7(rng, array):
    r"""P_k = \frac{1}{k} \sum_{j=1}^{k} c_j"""
    scores, correct, total = ranked(rng)
    c = by_score(scores, correct)
    expected = [sum(c[:k]) / k for k in range(1, 21)]
    found = precision_recall(array(scores), array(correct), total)
    assert_close(found.precision, expected)


def test_eq_8(rng, array):
    r"""R_k = \frac{1}{M} \sum_{j=1}^{k} c_j"""
    scores, correct, total = ranked(rng)
    c = by_score(scores, correct)
    expected = [sum(c[:k]) / total for k in range(1, 21)]
    found = precision_recall(array(scores), array(correct), total)
    assert_close(found.recall, expected)


def by_hand(scores, correct, total, rule):
    """Return the average precision as the page's eqs. 9 to 11 say it."""
    c = by_score(scores, correct)
    p = [sum(c[: k + 1]) / (k + 1) for k in range(len(c))]
    r = [sum(c[: k + 1]) / total for k in range(len(c))]
    if rule != "step":
        p = [max(p[j] for j in range(k, len(p))) for k in range(len(p))]
    if rule in ("step", "area"):
        before = [0, *r]
        return sum((r[k] - before[k]) * p[k] for k in range(len(p)))
    n = int(rule.split()[0])
    points = [
        max((p[k] for k in range(len(p)) if r[k] >= m / (n - 1)), default=0)
        for m in range(n)
    ]
    return sum(points) / n


def test_eq_9(rng, array):
    r"""\bar{P}_k = \max_{j \ge k} P_j"""
    for n in (1, 2, 5, 16, 21):
        given = (*ranked(rng, n)[:2], n)
        found = average_precision(array(given[0]), array(given[1]), n)
        assert_close(found, np.float64(by_hand(*given, "area")))


def test_eq_10(rng, array):
    r"""\text{AP} = \sum_{k=1}^{K} (R_k - R_{k-1}) \, \bar{P}_k"""
    given = ranked(rng)
    for rule in ("step", "area"):
        found = average_precision(*map(array, given[:2]), given[2], rule)
        assert_close(found, np.float64(by_hand(*given, rule)))


def test_eq_11(rng, array):
    r"""\text{AP} = \frac{1}{n} \sum_{m=0}^{n-1} \,
    \max_{k:\, R_k \ge m / (n - 1)} P_k"""
    for size in (10, 20, 37):
        given = ranked(rng, size)
        for rule in ("11 points", "101 points"):
            found = average_precision(*map(array, given[:2]), given[2], rule)
            assert_close(found, np.float64(by_hand(*given, rule)))


def people(rng):
    """Return key points of 5 people, off by whole pixels, and their sizes."""
    true = rng.integers(0, 50, size=(5, 4, 2)).astype(float)
    off = rng.integers(-4, 5, size=true.shape)
    return true + off, true, np.array([10.0, 15.0, 20.0, 25.0, 5.0])


def test_eq_12(rng, array):
    r"""\text{PCK} = \frac{1}{NJ} \sum_{n, j}
    \bigl[ \lVert \hat{p}_{nj} - p_{nj} \rVert
    \le \alpha \, a_n \bigr]"""
    predicted, true, size = people(rng)
    near = 0
    for n, j in np.ndindex(5, 4):
        d = predicted[n, j] - true[n, j]
        near += bool((d[0] ** 2 + d[1] ** 2) ** 0.5 <= 0.2 * size[n])
    assert 0 < near < 20
    found = pck(*(array(a) for a in (predicted, true, size)))
    assert_close(found, np.float64(near / 20))


def test_eq_13(rng, array):
    r"""v_n = \min \Bigl( \frac{1}{3} \sum_{i=1}^{Q}
    [h_{ni} = \hat{h}_n], \; 1 \Bigr)"""
    answer, human = rng.integers(0, 4, size=8), rng.integers(0, 4, (8, 10))
    expected = []
    for n in range(8):
        said = sum(bool(human[n, i] == answer[n]) for i in range(10))
        expected.append(min(said / 3, 1))
    assert_close(vqa_accuracy(array(answer), array(human)), expected)


# The same as everybody else's: scikit-learn, and counting.


@pytest.mark.parametrize("k", [1, 3])
def test_scikit_learns_top_k(k, rng, array):
    s, y = rng.normal(size=(40, 6)), rng.integers(0, 6, size=40)
    expected = metrics.top_k_accuracy_score(y, s, k=k, labels=range(6))
    assert_close(top_k_accuracy(array(s), array(y), k), np.float64(expected))


def test_scikit_learns_masks(rng, array):
    a, b = masks_of(rng)
    given = (b.ravel(), a.ravel())
    found = [f(array(a), array(b)) for f in (jaccard, dice)]
    assert_close(found[0], np.float64(metrics.jaccard_score(*given)))
    assert_close(found[1], np.float64(metrics.f1_score(*given)))


@pytest.mark.parametrize("levels", [5, 1000])
def test_scikit_learns_average_precision(levels, rng, array):
    """With few levels, many scores are equal."""
    scores = rng.integers(0, levels, size=60) / levels
    correct = rng.random(60) < 0.3
    expected = metrics.average_precision_score(correct, scores)
    found = average_precision(array(scores), array(correct), rule="step")
    assert_close(found, np.float64(expected))
    p, r, _ = metrics.precision_recall_curve(correct, scores)
    curve = precision_recall(array(scores), array(correct))
    pairs = zip(*(to_numpy(a).tolist() for a in curve), strict=True)
    assert set(pairs) <= set(zip(p.tolist(), r.tolist(), strict=True))


def test_boxes_are_counted_in_pixels(rng, array):
    """Also masks: a box with whole corners is the set of its pixels."""
    a, b = boxes_of(rng, 5), boxes_of(rng, 6)
    found = to_numpy(iou(array(a), array(b)))
    for n, m in np.ndindex(5, 6):
        one, other = pixels(a[n]), pixels(b[m])
        expected = len(one & other) / len(one | other)
        assert_close(found[n, m], np.float64(expected))
        masks = [
            np.array([[(x, y) in s for x in range(12)] for y in range(12)])
            for s in (one, other)
        ]
        assert_close(jaccard(*map(array, masks)), np.float64(expected))


def greedy(boxes, scores, t):
    """Take the best box, throw out what overlaps it, and so on."""
    left, kept = sorted(range(len(scores)), key=lambda k: -scores[k]), []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [k for k in left if iou(boxes[[best]], boxes[[k]])[0, 0] <= t]
    return kept


def test_suppression_is_the_greedy_one(rng, array):
    for t in (0.0, 0.25, 0.5, 1.0):
        boxes, scores = boxes_of(rng, 12), rng.integers(0, 6, size=12) / 6
        found = nms(array(boxes), array(scores), t)
        assert_close(found, greedy(boxes, scores, t))
    assert_close(nms(array(ROW), array(SCORES)), [0, 2, 4])


def test_matching_is_the_greedy_one(rng, array):
    true = boxes_of(rng, 6)
    boxes = np.concat([true[:4] + 0.25, boxes_of(rng, 6), true[:3] - 0.5])
    scores = rng.permutation(13) / 13
    for t in (0.25, 0.5, 0.75):
        taken, expected = set(), [False] * 13
        for k in sorted(range(13), key=lambda k: -scores[k]):
            free = [j for j in range(6) if j not in taken]
            overlap = iou(boxes[[k]], true)[0]
            best = max(free, key=lambda j: overlap[j], default=None)
            if best is not None and overlap[best] >= t:
                taken.add(best)
                expected[k] = True
        assert 0 < sum(expected) < 13
        found = match_boxes(array(boxes), array(scores), array(true), t)
        assert to_numpy(found).tolist() == expected


def test_key_points_and_answers_of_numpy(rng, array):
    predicted, true, size = people(rng)
    off = np.linalg.norm(predicted - true, axis=-1)
    visible = rng.random((5, 4)) < 0.6
    near = (off <= 0.3 * size[:, None])[visible]
    given = [array(a) for a in (predicted, true, size)]
    found = pck(*given, alpha=0.3, visible=array(visible))
    assert_close(found, np.mean(near))
    answer, human = rng.integers(0, 3, size=9), rng.integers(0, 3, (9, 10))
    expected = np.minimum((human == answer[:, None]).sum(1) / 3, 1)
    assert_close(vqa_accuracy(array(answer), array(human)), expected)


# The gradient: IoU is the only one of these that has any.


def test_the_gradient_of_the_iou():
    """Of I / (A + 4 - I) with I = 1 + x2 - 2 + ..., written out for x2, y2."""

    def of_corner(corner):
        low = torch.zeros(1, 2, dtype=torch.float64)
        other = torch.tensor([[1.0, 1.0, 3.0, 3.0]], dtype=torch.float64)
        return iou(torch.cat([low, corner], dim=1), other)[0]

    def backward(dy, corner):
        (x, y), both = corner[0], (corner[0] - 1).prod()
        union = x * y + 4 - both
        d = [
            (side * union - both * (length - side)) / union**2
            for side, length in ((y - 1, y), (x - 1, x))
        ]
        return dy * torch.stack(d)[None]

    for corner in ([2.0, 2.0], [2.5, 1.5]):
        assert_gradient(of_corner, backward, np.array([corner]))


def test_disjoint_boxes_have_no_gradient():
    a = torch.tensor([[0.0, 0.0, 2.0, 2.0]], requires_grad=True)
    for x in (3.0, 30.0):
        value = iou(a, torch.tensor([[x, 0.0, x + 2, 2.0]])).sum()
        assert value == 0
        assert_close(torch.autograd.grad(value, a)[0], np.zeros((1, 4)))


# What the page promises: hand-size cases, invariances, refused inputs.


def test_the_two_squares(array):
    a, b = array(np.array([[0.0, 0, 2, 2]])), array(np.array([[1.0, 1, 3, 3]]))
    assert_close(iou(a, b), [[1 / 7]])
    masks = np.zeros((2, 3, 3), dtype=bool)
    masks[0, :2, :2] = masks[1, 1:, 1:] = True
    assert_close(jaccard(*map(array, masks)), np.float64(1 / 7))
    assert_close(dice(*map(array, masks)), np.float64(1 / 4))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("step", 29 / 48),
        ("area", 5 / 8),
        ("11 points", 6.75 / 11),
        ("101 points", 63.5 / 101),
    ],
)
def test_the_five_detections(rule, expected, array):
    found = average_precision(array(SCORES), array(CORRECT), 4, rule)
    assert_close(found, np.float64(expected))
    mixed = np.array([3, 0, 4, 2, 1])
    found = average_precision(
        array(SCORES[mixed]), array(CORRECT[mixed]), 4, rule
    )
    assert_close(found, np.float64(expected))


def test_defaults(array):
    """k = 1, threshold = 0.5, the envelope, and a fifth of the size."""
    s, y = array(np.array([[3.0, 2, 1], [3, 2, 1]])), array(np.array([0, 1]))
    assert_close(top_k_accuracy(s, y), np.float64(0.5))
    low = np.array([[0.0, 0, 4, 4]])
    for high, near in ((2.0, True), (1.9, False)):
        other = np.array([[0.0, 0, high, 4]])
        boxes, scores = np.concat([low, other]), np.array([0.9, 0.8])
        # exactly one half is a match, and is not suppressed
        hit = match_boxes(array(other), array(scores[:1]), array(low))
        assert to_numpy(hit).tolist() == [near]
        assert_close(nms(array(boxes), array(scores)), [0, 1])
    boxes[1, 2] = 2.1
    assert_close(nms(array(boxes), array(scores)), [0])
    found = average_precision(array(SCORES), array(CORRECT))
    assert_close(found, np.float64(by_hand(SCORES, CORRECT, 3, "area")))
    true = np.zeros((1, 2, 2))
    predicted = np.array([[[0.0, 2.0], [2.01, 0.0]]])
    given = [array(a) for a in (predicted, true, np.array([10.0]))]
    assert_close(pck(*given), np.float64(0.5))


def test_every_object_is_found_once(array):
    true = np.array([[0.0, 0, 4, 4], [1, 0, 5, 4]])
    boxes = np.stack([true[0]] * 3)
    found = match_boxes(array(boxes), array(SCORES[:3]), array(true))
    # the second takes what is left, with an IoU of 3/5
    assert to_numpy(found).tolist() == [True, True, False]
    assert_close(boxes, np.stack([true[0]] * 3))


def test_nothing_detected_and_nothing_there(array):
    none, no = array(np.zeros((0, 4))), array(np.zeros(0))
    box, score = array(ROW[:1]), array(SCORES[:1])
    assert nms(none, no).shape == (0,)
    assert match_boxes(none, no, box).shape == (0,)
    assert to_numpy(match_boxes(box, score, none)).tolist() == [False]
    assert iou(none, box).shape == (0, 1)
    found = match_boxes(none, no, box)
    for rule in RULES:
        assert_close(average_precision(no, found, 2, rule), np.float64(0))


def test_equal_scores_come_in_together(rng, array):
    """No order of the detections is better than another."""
    scores, correct = np.full(6, 0.5), np.arange(6) < 2
    for _ in range(3):
        order = rng.permutation(6)
        curve = precision_recall(array(scores), array(correct[order]), 4)
        assert_close(curve.precision, np.full(6, 1 / 3))
        assert_close(curve.recall, np.full(6, 0.5))
    equal = array(np.ones((2, 3)))
    y = array(np.array([0, 2]))
    assert_close(top_k_accuracy(equal, y, 2), np.float64(0))
    assert_close(top_k_accuracy(equal, y, 3), np.float64(1))


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.25, 4), st.floats(-8, 8))
def test_iou_and_what_does_not_change_it(seed, stretch, shift):
    rng = np.random.default_rng(seed)
    a, b = boxes_of(rng, 4), boxes_of(rng, 5)
    found = iou(a, b)
    assert np.all((found >= 0) & (found <= 1))
    assert_close(iou(a, a)[range(4), range(4)], np.ones(4))
    assert_close(iou(b, a), found.T)
    assert_close(iou(stretch * a + shift, stretch * b + shift), found, 1e-6)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_dice_and_jaccard_order_alike(seed):
    a, b = masks_of(np.random.default_rng(seed))
    j = jaccard(a, b)
    assert_close(dice(a, b), 2 * j / (1 + j))
    assert dice(a, b) >= j


def test_more_classes_than_a_small_integer_counts(array):
    scores, y = np.zeros((1, 300)), np.array([5], dtype=np.int8)
    scores[0, [5, 261]] = 1  # 261 is 5 modulo 256
    for k in (1, 2):
        found = top_k_accuracy(array(scores), array(y), k)
        assert_close(found, np.float64(k == 2))


def test_more_detections_than_float16_counts():
    scores = np.linspace(1, 0, 5000).astype(np.float16)
    correct = np.ones(5000, dtype=bool)
    for of in (np.asarray, torch.asarray):
        curve = precision_recall(of(scores), of(correct))
        assert curve.recall.dtype == of(scores).dtype
        assert_close(curve.precision, np.ones(5000))
        assert_close(curve.recall[-1], np.float16(1))


@pytest.mark.usefixtures("unchecked")
def test_float32(rng):
    """Also with numbers of NumPy, which are not Python's."""
    a, b = boxes_of(rng, 5), boxes_of(rng, 6)
    scores, correct, total = ranked(rng)
    s, y = rng.normal(size=(9, 4)), rng.integers(0, 4, size=9)
    assert_float32(iou, a, b)
    assert_float32(lambda s: top_k_accuracy(s, y, np.int64(2)), s)
    assert_float32(lambda s: precision_recall(s, correct, np.int64(20)), scores)
    for rule in RULES:
        assert_float32(
            lambda s, rule=rule: average_precision(s, correct, total, rule),
            scores,
        )
    assert_float32(lambda *a: pck(*a, np.float64(0.3)), *people(rng))
    # 0.1 of float32 is a little more than that of float64
    true, size = np.zeros((1, 1, 2), np.float32), np.ones(1, np.float32)
    predicted = true + np.array([0.1, 0], dtype=np.float32)
    assert pck(predicted, true, size, np.float64(0.1)) == 1


def test_invisible_and_missing_points(array):
    true = np.array([[[0.0, 0.0], [np.nan, np.inf], [5.0, 5.0]]])
    predicted = np.array([[[0.0, 1.0], [0.0, 0.0], [np.nan, 5.0]]])
    visible, size = np.array([[True, False, True]]), np.array([10.0])
    given = [array(a) for a in (predicted, true, size)]
    found = pck(*given, visible=array(visible))
    assert_close(found, np.float64(0.5))
    with pytest.raises(ValueError, match="visible points need to be finite"):
        pck(*given)


def test_distances_do_not_overflow(array):
    true = np.zeros((1, 1, 2))
    given = (true + 1e200, true, np.array([1e201]))
    assert_close(pck(*map(array, given)), np.float64(1))


@pytest.mark.parametrize(
    "box",
    [
        [2.0, 0.0, 2.0, 2.0],
        [2.0, 0.0, 1.0, 2.0],
        [0.0, 3.0, 1.0, 2.0],
        [2.0, 3.0, 1.0, 1.0],
        [0.0, 0.0, np.nan, 2.0],
        [0.0, 0.0, np.inf, 2.0],
        [0.0, 0.0, 1e200, 1e200],
        [0.0, 0.0, 1e154, 1.2e154],
        [0.0, 0.0, 1e-200, 1e-200],
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_other_than_boxes_are_refused(box, array):
    good, bad = array(np.array([[0.0, 0, 2, 2]])), array(np.array([box]))
    score = array(np.array([0.5]))
    message = "need x1 < x2, y1 < y2 and a finite area, got 1 other"
    for call in (
        lambda: iou(good, bad),
        lambda: iou(bad, good),
        lambda: nms(bad, score),
        lambda: match_boxes(bad, score, good),
        lambda: match_boxes(good, score, bad),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan])
def test_other_thresholds_are_refused(threshold, array):
    boxes, scores = array(ROW), array(SCORES)
    message = f"0 <= threshold <= 1, got {threshold}"
    with pytest.raises(ValueError, match=message):
        nms(boxes, scores, threshold)
    with pytest.raises(ValueError, match=message):
        match_boxes(boxes, scores, boxes, threshold)


def test_scores_of_nan_are_refused(array):
    scores = array(np.array([0.5, np.nan]))
    boxes, correct = array(ROW[:2]), array(CORRECT[:2])
    for call in (
        lambda: nms(boxes, scores),
        lambda: match_boxes(boxes, scores, boxes),
        lambda: precision_recall(scores, correct, 2),
        lambda: top_k_accuracy(scores[None, :], array(np.array([0]))),
    ):
        with pytest.raises(ValueError, match="scores need numbers, got NaN"):
            call()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("total", [2, 0, -1, 3.0, True, np.array(3)])
def test_other_totals_are_refused(total, array):
    message = re.escape(f"of the 3 correct detections, got {total}")
    for function in (precision_recall, average_precision):
        with pytest.raises(ValueError, match=message):
            function(array(SCORES), array(CORRECT), total)


def test_no_true_object_has_no_recall(array):
    wrong = array(np.zeros(2, dtype=bool))
    for total in (None, 0):
        with pytest.raises(ValueError, match="at least 1 and of the 0"):
            precision_recall(array(SCORES[:2]), wrong, total)


def test_other_rules_are_refused(array):
    with pytest.raises(ValueError, match=r"one of .* got 'voc'"):
        average_precision(array(SCORES), array(CORRECT), 4, "voc")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("k", [0, 4, True, 1.0, np.array(1)])
def test_other_k_are_refused(k, array):
    s, y = array(np.ones((1, 3))), array(np.array([0]))
    with pytest.raises(ValueError, match=f"whole number 1 to 3, got {k}"):
        top_k_accuracy(s, y, k)


@pytest.mark.parametrize("label", [-1, 3])
def test_other_classes_are_refused(label, array):
    s, y = array(np.ones((2, 3))), array(np.array([0, label]))
    with pytest.raises(ValueError, match="y needs classes 0 to 2, got others"):
        top_k_accuracy(s, y)


def test_shares_of_nothing_are_refused(array):
    empty = array(np.zeros((2, 2), dtype=bool))
    for function in (jaccard, dice):
        with pytest.raises(ValueError, match="pixel in a mask, got two empty"):
            function(empty, empty)
    no = array(np.zeros(0, dtype=int))
    with pytest.raises(ValueError, match="needs 1 image, got none"):
        top_k_accuracy(array(np.zeros((0, 3))), no)
    points, size = array(np.zeros((1, 2, 2))), array(np.ones(1))
    hidden = array(np.zeros((1, 2), dtype=bool))
    with pytest.raises(ValueError, match="1 visible point, got none"):
        pck(points, points, size, visible=hidden)


@pytest.mark.parametrize(
    ("size", "alpha"),
    [
        *[(size, 0.2) for size in (0.0, -1.0, np.nan, np.inf)],
        *[(1.0, alpha) for alpha in (0.0, -0.1, np.nan, np.inf)],
        (-1.0, -0.2),
    ],
)
def test_other_sizes_are_refused(size, alpha, array):
    points = array(np.zeros((2, 2, 2)))
    sizes = array(np.array([1.0, size]))
    message = f"to be > 0, got alpha {alpha}"
    with pytest.raises(ValueError, match=message):
        pck(points, points, sizes, alpha)
    with pytest.raises(ValueError, match=message):
        pck(points[1:, ...], points[1:, ...], sizes[1:], alpha)


@pytest.mark.usefixtures("unchecked")
def test_other_shapes_are_refused(array):
    def one(*shape, dtype=float):
        return array(np.ones(shape, dtype=dtype))

    masks = one(2, 2, dtype=bool), one(2, dtype=bool)
    points = one(3, 4, 2)
    cases = [
        (r"y needs an integer", top_k_accuracy, one(2, 3), one(3, dtype=int)),
        (r"y needs an integer", top_k_accuracy, one(2, 3), one(2)),
        (r"scores needs? floats", top_k_accuracy, one(3), one(3, dtype=int)),
        (r"masks need one shape", jaccard, *masks),
        (r"masks need one shape", dice, *masks),
        (r"masks need booleans", jaccard, one(2, dtype=int), masks[1]),
        (r"masks need booleans", dice, masks[1], one(2)),
        (r"a needs floats", iou, one(4), one(1, 4)),
        (r"b needs floats", iou, array(ROW), one(1, 5)),
        (r"a needs floats", iou, array(ROW.astype(int)), array(ROW)),
        (r"scores needs floats", nms, array(ROW), one(1)),
        (r"scores needs floats", nms, array(ROW), one(5, 1)),
        (r"scores needs floats", match_boxes, array(ROW), one(1), array(ROW)),
        (r"correct needs a boolean", precision_recall, one(2), one(2)),
        (r"correct needs a boolean", precision_recall, one(), masks[0]),
        (r"scores needs floats", precision_recall, one(1), masks[1]),
        (r"predicted needs floats", pck, one(3, 2), one(3, 2), one(3)),
        (r"predicted needs floats", pck, one(3, 4, 3), one(3, 4, 3), one(3)),
        (r"true needs floats", pck, points, one(1, 4, 2), one(3)),
        (r"size needs floats", pck, points, points, one(1)),
        (r"size needs floats", pck, points, points, one(3, dtype=int)),
        (r"visible needs bool", pck, *[points] * 2, one(3), 0.2, one(3, 4)),
        (r"visible needs", pck, *[points] * 2, one(3), 0.2, masks[0]),
        (r"needs shapes", vqa_accuracy, one(2, dtype=int), masks[1]),
        (r"needs shapes", vqa_accuracy, one(2, dtype=int), one(3, 4)),
        (r"needs shapes", vqa_accuracy, one(2, dtype=int), one(2, 2)),
        (r"answers need integers", vqa_accuracy, one(2), one(2, 3, dtype=int)),
        (r"answers need integers", vqa_accuracy, one(2, dtype=int), one(2, 3)),
    ]
    for message, function, *given_arrays in cases:
        with pytest.raises(ValueError, match=message):
            function(*given_arrays)


# The two networks of the experiment.


def test_what_the_experiment_found():
    """What text and captions of the page say, for each seed."""
    numbers = json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]
    assert len(numbers["segmenter"]) == len(numbers["detector"]) == 3
    for run in numbers["segmenter"]:
        assert run["background"] > 0.8
        assert run["pixel_accuracy"] > 0.97
        assert min(run["iou"][1:]) > 0.7
        j = np.array(run["iou"])
        assert_close(run["dice"], 2 * j / (1 + j), rtol=1e-3)
    for run in numbers["detector"]:
        assert run["nms"] > 0.985
        assert 0.45 < run["all_cells"] < 0.55
        assert 0.65 < run["strict"] < 0.75
        assert run["strict"] < run["nms"] - 0.2
    for scene in numbers["shown"]:
        assert len(scene["nms"]) == len(scene["true_boxes"]) == 2
        assert len(scene["all_cells"]) > 4


def test_targets_of_the_detector_are_the_boxes(rng):
    scenes = draw(30, rng)
    for target, mask, boxes, labels in zip(
        grid_targets(scenes).numpy(),
        scenes.masks,
        scenes.boxes,
        scenes.labels,
        strict=True,
    ):
        assert len(boxes) in (1, 2)
        where = target[0] > 0
        low = centres() - STRIDE * target[1:3]
        high = centres() + STRIDE * target[3:]
        found = np.concatenate([low, high])[:, where].T.astype(float)
        for box, label in zip(boxes, labels, strict=True):
            x1, y1, x2, y2 = (int(v) for v in box)
            rows, columns = np.nonzero(mask[y1:y2, x1:x2] == label)
            assert np.ptp(rows) >= y2 - y1 - 3
            assert np.ptp(columns) >= x2 - x1 - 3
            assert np.any(np.all(found == box, axis=1))
        overlap = iou(found, boxes)
        assert_close(np.max(overlap, axis=1), np.ones(len(found)))
        assert labels[np.argmax(overlap, axis=1)].tolist() == list(
            target[0, where]
        )


@pytest.fixture
def one_thread():
    """On a busy machine, several wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_the_networks_learn():
    model, scenes = train(0, detector=True, images=200, epochs=3)
    scenes = Scenes(*(part[:50] for part in scenes))
    scores = detection_scores(detections(model, scenes.images), scenes)
    assert scores["nms"] > 0.45 > scores["strict"]
    assert scores["nms"] > scores["all_cells"]
    model, scenes = train(0, detector=False, images=150, epochs=3)
    scenes = Scenes(*(part[:50] for part in scenes))
    masks = segmentation(model, scenes.images)
    scores = segmentation_scores(masks, scenes.masks)
    assert scores["pixel_accuracy"] > scores["background"] + 0.02
