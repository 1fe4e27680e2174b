"""Fixtures: the array library under test, and a seeded generator."""

import os

import array_api_strict
import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import settings

# A busy machine is no failure; in CI the same examples are tried every time.
settings.register_profile("book", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("book")

BACKENDS = {
    "numpy": np.asarray,
    "torch": torch.asarray,
    # Knows nothing but the standard, on a device that is not the default one.
    "strict": lambda a: array_api_strict.asarray(
        a, device=array_api_strict.Device("device1")
    ),
    "cuda": lambda a: torch.asarray(a, device="cuda"),
}


@pytest.fixture(params=BACKENDS)
def array(request):
    """Turn a NumPy array into one of the library under test."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return BACKENDS[request.param]


@pytest.fixture(params=["cpu", "cuda"])
def device(request):
    """Name the device that a model is put on."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return request.param


@pytest.fixture
def rng():
    """Return the same stream of random numbers in every test."""
    return np.random.default_rng(0)


@pytest.fixture
def unchecked():
    """Switch the shape checks off, as outside of tests: what do users get?"""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
