"""Data with certified results: NIST's non-linear reference datasets.

NIST certifies 11 digits of the parameters and of the sum of the squared
residuals, and gives two starts, a far one and a near one. What is typed wrong
here does not agree with them.

Source  https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Problem(NamedTuple):
    """A model of inputs and parameters, data, starts, and what is certified.

    `columns` are the model's derivatives, one for each parameter.
    """

    model: Callable
    columns: Callable
    x: list
    y: list
    starts: tuple
    certified: list
    squares: float


def saturation(x, b):
    return b[0] * (1 - np.exp(-b[1] * x))


def saturation_columns(x, b):
    return [1 - np.exp(-b[1] * x), b[0] * x * np.exp(-b[1] * x)]


def power(x, b):
    return b[0] * x ** b[1]


def power_columns(x, b):
    return [x ** b[1], b[0] * x ** b[1] * np.log(x)]


def logistic(x, b):
    return b[0] / (1 + np.exp(b[1] - b[2] * x))


def logistic_columns(x, b):
    e = np.exp(b[1] - b[2] * x)
    slope = b[0] * e / (1 + e) ** 2
    return [1 / (1 + e), -slope, slope * x]


def enzyme(x, b):
    return b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3])


def enzyme_columns(x, b):
    top, bottom = x**2 + x * b[1], x**2 + x * b[2] + b[3]
    down = -b[0] * top / bottom**2
    return [top / bottom, b[0] * x / bottom, down * x, down]


def thermistor(x, b):
    return b[0] * np.exp(b[1] / (x + b[2]))


def thermistor_columns(x, b):
    e = np.exp(b[1] / (x + b[2]))
    slope = b[0] * e / (x + b[2])
    return [e, slope, -slope * b[1] / (x + b[2])]


def two_decays(x, b):
    return b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4])


def two_decays_columns(x, b):
    first, second = np.exp(-x * b[3]), np.exp(-x * b[4])
    return [
        1 + 0 * x,
        first,
        second,
        -b[1] * x * first,
        -b[2] * x * second,
    ]


def three_decays(x, b):
    return sum(b[k] * np.exp(-b[k + 1] * x) for k in (0, 2, 4))


def three_decays_columns(x, b):
    columns = []
    for k in (0, 2, 4):
        e = np.exp(-b[k + 1] * x)
        columns += [e, -b[k] * x * e]
    return columns


def peak(x, b):
    return b[0] / b[1] * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2)


def peak_columns(x, b):
    z = (x - b[2]) / b[1]
    e = np.exp(-0.5 * z**2) / b[1]
    return [e, b[0] * e * (z**2 - 1) / b[1], b[0] * e * z / b[1]]


def cubic_ratio(x, b):
    top = b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3
    return top / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def cubic_ratio_columns(x, b):
    bottom = 1 + b[4] * x + b[5] * x**2 + b[6] * x**3
    down = -cubic_ratio(x, b) / bottom
    rises = [x**k / bottom for k in range(4)]
    return [*rises, down * x, down * x**2, down * x**3]


PROBLEMS = {
    "Misra1a": Problem(
        saturation,
        saturation_columns,
        [
            *(77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8),
            *(378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0),
        ],
        [
            *(10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02),
            *(44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78),
        ],
        ([500, 0.0001], [250, 0.0005]),
        [2.3894212918e02, 5.5015643181e-04],
        1.2455138894e-01,
    ),
    "DanWood": Problem(
        power,
        power_columns,
        [1.309, 1.471, 1.490, 1.565, 1.611, 1.680],
        [2.138, 3.421, 3.597, 4.340, 4.882, 5.660],
        ([1, 5], [0.7, 4]),
        [7.6886226176e-01, 3.8604055871e00],
        4.3173084083e-03,
    ),
    "BoxBOD": Problem(
        saturation,
        saturation_columns,
        [1, 2, 3, 5, 7, 10],
        [109, 149, 149, 191, 213, 224],
        ([1, 1], [100, 0.75]),
        [2.1380940889e02, 5.4723748542e-01],
        1.1680088766e03,
    ),
    "Rat42": Problem(
        logistic,
        logistic_columns,
        [9, 14, 21, 28, 42, 57, 63, 70, 79],
        [8.93, 10.80, 18.59, 22.33, 39.35, 56.11, 61.73, 64.62, 67.08],
        ([100, 1, 0.1], [75, 2.5, 0.07]),
        [7.2462237576e01, 2.6180768402e00, 6.7359200066e-02],
        8.0565229338e00,
    ),
    "MGH09": Problem(
        enzyme,
        enzyme_columns,
        [4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625],
        [
            *(0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627),
            *(0.0456, 0.0342, 0.0323, 0.0235, 0.0246),
        ],
        ([25, 39, 41.5, 39], [0.25, 0.39, 0.415, 0.39]),
        [
            *(1.9280693458e-01, 1.9128232873e-01),
            *(1.2305650693e-01, 1.3606233068e-01),
        ],
        3.0750560385e-04,
    ),
    "MGH10": Problem(
        thermistor,
        thermistor_columns,
        [50 + 5 * k for k in range(16)],
        [
            *(34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744),
            *(8261, 7030, 6005, 5147, 4427, 3820, 3307, 2872),
        ],
        ([2, 400000, 25000], [0.02, 4000, 250]),
        [5.6096364710e-03, 6.1813463463e03, 3.4522363462e02],
        8.7945855171e01,
    ),
    "MGH17": Problem(
        two_decays,
        two_decays_columns,
        [10 * k for k in range(33)],
        [
            *(0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818),
            *(0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603, 0.580, 0.558),
            *(0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438),
            *(0.431, 0.424, 0.420, 0.414, 0.411, 0.406),
        ],
        ([50, 150, -100, 1, 2], [0.5, 1.5, -1, 0.01, 0.02]),
        [
            *(3.7541005211e-01, 1.9358469127e00, -1.4646871366e00),
            *(1.2867534640e-02, 2.2122699662e-02),
        ],
        5.4648946975e-05,
    ),
    "Lanczos3": Problem(
        three_decays,
        three_decays_columns,
        [0.05 * k for k in range(24)],
        [
            *(2.5134, 2.0443, 1.6684, 1.3664, 1.1232, 0.9269, 0.7679, 0.6389),
            *(0.5338, 0.4479, 0.3776, 0.3197, 0.2720, 0.2325, 0.1997, 0.1723),
            *(0.1493, 0.1301, 0.1138, 0.1000, 0.0883, 0.0783, 0.0698, 0.0624),
        ],
        ([1.2, 0.3, 5.6, 5.5, 6.5, 7.6], [0.5, 0.7, 3.6, 4.2, 4, 6.3]),
        [
            *(8.6816414977e-02, 9.5498101505e-01, 8.4400777463e-01),
            *(2.9515951832e00, 1.5825685901e00, 4.9863565084e00),
        ],
        1.6117193594e-08,
    ),
    "Eckerle4": Problem(
        peak,
        peak_columns,
        [
            *(400 + 5 * k for k in range(7)),
            *(435 + 1.5 * k for k in range(20)),
            *(465 + 5 * k for k in range(8)),
        ],
        [
            *(0.0001575, 0.0001699, 0.0002350, 0.0003102, 0.0004917),
            *(0.0008710, 0.0017418, 0.0046400, 0.0065895, 0.0097302),
            *(0.0149002, 0.0237310, 0.0401683, 0.0712559, 0.1264458),
            *(0.2073413, 0.2902366, 0.3445623, 0.3698049, 0.3668534),
            *(0.3106727, 0.2078154, 0.1164354, 0.0616764, 0.0337200),
            *(0.0194023, 0.0117831, 0.0074357, 0.0022732, 0.0008800),
            *(0.0004579, 0.0002345, 0.0001586, 0.0001143, 0.0000710),
        ],
        ([1, 10, 500], [1.5, 5, 450]),
        [1.5543827178e00, 4.0888321754e00, 4.5154121844e02],
        1.4635887487e-03,
    ),
    "Thurber": Problem(
        cubic_ratio,
        cubic_ratio_columns,
        [
            *(-3.067, -2.981, -2.921, -2.912, -2.840, -2.797, -2.702, -2.699),
            *(-2.633, -2.481, -2.363, -2.322, -1.501, -1.460, -1.274, -1.212),
            *(-1.100, -1.046, -0.915, -0.714, -0.566, -0.545, -0.400, -0.309),
            *(-0.109, -0.103, 0.010, 0.119, 0.377, 0.790, 0.963, 1.006),
            *(1.115, 1.572, 1.841, 2.047, 2.200),
        ],
        [
            *(80.574, 84.248, 87.264, 87.195, 89.076, 89.608, 89.868, 90.101),
            *(92.405, 95.854, 100.696, 101.060, 401.672, 390.724, 567.534),
            *(635.316, 733.054, 759.087, 894.206, 990.785, 1090.109),
            *(1080.914, 1122.643, 1178.351, 1260.531, 1273.514, 1288.339),
            *(1327.543, 1353.863, 1414.509, 1425.208, 1421.384, 1442.962),
            *(1464.350, 1468.705, 1447.894, 1457.628),
        ],
        (
            [1000, 1000, 400, 40, 0.7, 0.3, 0.03],
            [1300, 1500, 500, 75, 1, 0.4, 0.05],
        ),
        [
            *(1.2881396800e03, 1.4910792535e03, 5.8323836877e02),
            *(7.5416644291e01, 9.6629502864e-01, 3.9797285797e-01),
            4.9727297349e-02,
        ],
        5.6427082397e03,
    ),
}
