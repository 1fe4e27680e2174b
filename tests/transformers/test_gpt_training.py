"""The training script: exact resume, two processes, precision, learning."""

import os
import subprocess
import sys
from math import log

import pytest
import torch

from experiments.transformers.gpt import main, parser, report, sample, train
from reference._corpus import stories
from reference.transformers.gpt import training_flops
from tests.checks import assert_close

TINY = "--language ko --width 16 --heads 2 --layers 1 --batch 6 --warmup 2"


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def arguments(more, device="cpu"):
    return f"{TINY} --device {device} {more}".split()


def run(more, device="cpu"):
    return train(parser().parse_args(arguments(more, device)))


def test_resumed_is_not_interrupted(tmp_path, device):
    precision = "bfloat16" if device == "cpu" else "float16"
    more = f"--steps 10 --every 5 --precision {precision} --checkpoint"
    whole = run(f"{more} {tmp_path}/whole.pt", device)
    run(f"{more} {tmp_path}/part.pt --stop-at 5", device)
    torch.manual_seed(99)
    part = run(f"{more} {tmp_path}/part.pt", device)
    assert part.step == 10
    assert len(part.seconds) == 5
    if device == "cpu":  # a GPU may add in another order
        assert part.history == whole.history
        for a, b in zip(
            part.model.parameters(), whole.model.parameters(), strict=True
        ):
            assert torch.equal(a, b)
    assert_close(part.history[-1], whole.history[-1], rtol=0.02)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["part.pt", "whole.pt"]
    saved = torch.load(tmp_path / "part.pt", weights_only=True)
    assert saved["step"] == 10


def test_resumed_with_other_settings(tmp_path):
    more = f"--steps 3 --checkpoint {tmp_path}/a.pt"
    assert run(f"{more} --stop-at 0").step == 0
    run(f"{more} --stop-at 1")
    others = (
        "language en, width 32, heads 1, layers 2, precision bfloat16, seed 1, "
        "steps 4, batch 5, lr 0.1, warmup 3, clip 2.0, decay 0.0"
    )
    for name, other in map(str.split, others.split(", ")):
        with pytest.raises(ValueError, match=rf"needs --{name} .* {other}$"):
            run(f"{more} --{name} {other}")
    assert run(f"{more} --every 1 --stop-at 9").step == 3


def test_a_torn_checkpoint_is_not_read(tmp_path, monkeypatch):
    more = f"--steps 2 --every 1 --checkpoint {tmp_path}/a.pt"
    run(f"{more} --stop-at 1")

    def torn(_, file):
        file.write(b"half of it")
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", torn)
        with pytest.raises(OSError, match="disk is full"):
            run(more)
    resumed = run(more)
    assert len(resumed.seconds) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_two_processes_are_as_good_as_one(tmp_path):
    """torchrun on this machine, by gloo, goes on from one process."""
    more = "--steps 4 --every 4 --batch 7 --checkpoint"
    one = run(f"{more} {tmp_path}/one.pt")
    run(f"{more} {tmp_path}/two.pt --stop-at 1")
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc-per-node", "2", "-m", "experiments.transformers.gpt"),
    ]
    done = subprocess.run(
        [*command, *arguments(f"{more} {tmp_path}/two.pt")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("nats a story") == 1
    two = torch.load(tmp_path / "two.pt", weights_only=True)
    for name, weight in one.model.state_dict().items():
        assert_close(two["model"][name], weight, rtol=1e-3, atol=2e-5)
    assert two["step"] == 4


@pytest.mark.usefixtures("unchecked")
@pytest.mark.filterwarnings("ignore")  # of PyTorch about its own tracing
def test_compiled(device):
    """By the backend that only traces; the others take much longer."""
    plain = run("--steps 2", device)
    traced = run("--steps 2 --compile eager", device)
    for a, b in zip(
        plain.model.parameters(), traced.model.parameters(), strict=True
    ):
        assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_products_in_16_bits(device):
    """Weights and gradients stay in 32."""
    full, half = (
        list(run(f"--steps 1 --precision {p}", device).model.parameters())
        for p in ("float32", "bfloat16")
    )
    for a, b in zip(full, half, strict=True):
        assert b.dtype == b.grad.dtype == torch.float32
        assert_close(b.grad, a.grad, rtol=0.1, atol=0.02)
    assert not torch.equal(full[0].grad, half[0].grad)


def test_schedule_and_decay():
    new = run("--steps 100 --stop-at 0 --lr 0.01 --warmup 4")
    rates = []
    for step in (0, 3, 50, 100):
        new.step = step
        rates.append(new.learning_rate())
    assert_close(rates, [0.0025, 0.01, 0.0055, 0.001], rtol=0.02)
    decays = {
        group["weight_decay"]: {p.ndim for p in group["params"]}
        for group in new.optimizer.param_groups
    }
    assert decays == {0.1: {2}, 0.0: {1}}


def test_gradients_are_clipped(device):
    new = run("--steps 9 --stop-at 1 --clip 0.01", device)
    squares = sum((p.grad**2).sum() for p in new.model.parameters())
    assert abs(squares.sqrt().item() - 0.01) < 1e-4


def test_learns_the_stories(device):
    """Of 384 equally likely stories none has a smaller loss than log 384."""
    done = run(
        "--width 32 --layers 2 --batch 32 --steps 120 --every 60 "
        "--precision bfloat16 --lr 0.01 --warmup 10",
        device,
    )
    first, middle, last = done.history
    tokens = sum(len(" ".join(s).split()) + 1 for s in stories("ko")) / 384
    new = log(len(done.data.words)) * tokens
    assert abs(first[2] / new - 1) < 0.03
    assert new > middle[2] > last[2] > log(384)
    assert last[2] < 0.25 * new
    known = {
        word for story in stories("ko") for word in " ".join(story).split()
    }
    assert set(sample(done, "ko", 1.0, 1)[0].split()) < known


def test_report_and_refused(tmp_path, capsys):
    main(arguments("--steps 1"))
    loss, _, story = capsys.readouterr().out.splitlines()
    assert loss.startswith("step 1: ")
    assert story
    new = run("--steps 1 --stop-at 0 --peak-flops 1e8")
    assert new.data.train.shape[1] == 23
    new.seconds = [9.0, 2.0, 1.0]
    report(new)
    _, speed, used, _ = capsys.readouterr().out.splitlines()
    assert speed.startswith("66 tokens a second")  # 6 * 22 in 2 s
    share = 66 * training_flops(new.model, 22) / 1e8
    assert abs(float(used.split("%")[0]) - 100 * share) < 0.01
    with pytest.raises(ValueError, match=r"float16 needs a GPU, got .* cpu"):
        run("--precision float16")
    assert list(tmp_path.iterdir()) == []
