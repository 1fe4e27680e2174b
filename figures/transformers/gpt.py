"""What a GPT learns from the stories, and ways to choose the next token."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

RESULT = Path(__file__).parents[2] / "experiments/transformers/gpt.json"
LOGITS = np.log([8.0, 4.0, 2.0, 1.0])


def _numbers() -> dict:
    return json.loads(RESULT.read_text(encoding="utf-8"))["numbers"]


def losses() -> Figure:
    """Draw the loss of whole stories, and the least that is possible."""
    numbers = _numbers()
    fig, axes = plt.subplots(2, 1, figsize=(5.6, 5.4))
    for name, colour, dash, label in (
        ("train", "C0", "-", "training stories"),
        ("held_out", "C1", "--", "held-out stories"),
    ):
        runs = np.array(numbers[name])
        for ax in axes:
            ax.plot(numbers["step"], runs.T, dash, color=colour, lw=0.6)
            mean = runs.mean(axis=0)
            ax.plot(numbers["step"], mean, dash, color=colour, label=label)
    for ax in axes:
        ax.axhline(np.log(384), color="ink", lw=0.9, linestyle=":")
        ax.set_ylabel("nats a story")
    axes[0].set(yscale="log", ylim=(4.5, 200), yticks=[5, 10, 20, 50, 100])
    axes[0].set_yticklabels(["5", "10", "20", "50", "100"])
    axes[0].minorticks_off()
    axes[0].legend()
    axes[1].set(xlabel="step", xlim=(280, 482), ylim=(5.7, 7.1))
    axes[1].annotate("log 384", (283, 5.93), color="ink", va="top")
    return fig


def _choose(
    temperature: float = 1, top_k: int = 4, top_p: float = 1
) -> np.ndarray:
    """Return the probabilities of logits in falling order."""
    p = np.exp(LOGITS / temperature)
    p = np.where(np.arange(4) < top_k, p, 0) / p[:top_k].sum()
    p = np.where(p.cumsum() - p < top_p, p, 0)
    return p / p.sum()


def choices() -> Figure:
    """Draw the distribution of the next token under six settings."""
    settings = (
        ("as it is", {}),
        ("temperature ½", {"temperature": 0.5}),
        ("temperature 2", {"temperature": 2}),
        ("top-k, k = 3", {"top_k": 3}),
        ("top-p, p = 0.7", {"top_p": 0.7}),
        ("temp. 2, p = 0.7", {"temperature": 2, "top_p": 0.7}),
    )
    fig, axes = plt.subplots(2, 3, figsize=(6, 4), sharex=True, sharey=True)
    for ax, (title, setting) in zip(axes.flat, settings, strict=True):
        p = _choose(**setting)
        ax.bar(range(4), p, color="C0", width=0.7)
        for place, share in enumerate(p):
            label = f"{share:.2f}" if share else "0"
            ax.annotate(label, (place, share + 0.02), ha="center")
        ax.set_title(title)
        ax.set(ylim=(0, 1), yticks=[0, 0.5, 1])
        ax.set_xticks(range(4), "ABCD")
    for ax in axes[:, 0]:
        ax.set_ylabel("probability")
    return fig
