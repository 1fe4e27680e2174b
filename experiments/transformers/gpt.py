"""Train GPT on the stories, on a CPU or on GPUs, alone or in parallel.

Without an argument, this is the experiment of the page. Any argument makes it
a training run, which writes to a checkpoint and to no other file:

    python -m experiments.transformers.gpt --checkpoint gpt.pt --progress
    torchrun --standalone --nproc-per-node 2 \
        -m experiments.transformers.gpt --checkpoint gpt.pt
    python -m experiments.transformers.gpt --help

Where the checkpoint exists, the run goes on from it.
"""

import os
import sys
import time
from argparse import ArgumentParser, Namespace
from contextlib import nullcontext
from math import inf
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from experiments.language import Language, inputs_and_targets, read, text
from experiments.record import record
from reference._corpus import stories
from reference.convolution.alexnet import count_parameters
from reference.optimization.gradient_clipping import clip_by_norm
from reference.optimization.learning_rate_schedules import cosine, warmup
from reference.transformers.gpt import (
    GPT,
    generate,
    next_token_loss,
    training_flops,
)

# What decides the run: a checkpoint goes on only with the same values.
FIXED = [
    *("language", "width", "heads", "layers", "precision", "seed"),
    *("steps", "batch", "lr", "warmup", "clip", "decay"),
]
SETTING = [
    *("--steps", "480", "--batch", "32"),
    *("--every", "40", "--device", "cpu"),
]
PROCESS = (("RANK", 0), ("WORLD_SIZE", 1))  # torchrun says them


def parser() -> ArgumentParser:
    """Return what the command line understands."""
    p = ArgumentParser(prog="experiments.transformers.gpt")
    p.add_argument("--language", default="en,ko", help="en, ko or en,ko")
    p.add_argument("--width", type=int, default=64)
    p.add_argument("--heads", type=int, default=4)
    p.add_argument("--layers", type=int, default=2)
    p.add_argument("--steps", type=int, default=300)
    p.add_argument("--batch", type=int, default=64, help="of all processes")
    p.add_argument("--lr", type=float, default=3e-3, help="highest rate")
    p.add_argument("--warmup", type=int, default=20, help="steps")
    p.add_argument("--clip", type=float, default=1.0, help="longest gradient")
    p.add_argument("--decay", type=float, default=0.1, help="of the matrices")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--every", type=int, default=10, help="steps to evaluate")
    p.add_argument(
        "--checkpoint", type=Path, help="file, the same for all processes"
    )
    p.add_argument("--stop-at", type=int, help="step to interrupt the run at")
    p.add_argument(
        "--precision",
        default="float32",
        choices=["float32", "bfloat16", "float16"],
        help="of matrix products; float16 for GPUs only",
    )
    p.add_argument("--compile", metavar="BACKEND", help="such as inductor")
    p.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu"
    )
    p.add_argument("--peak-flops", type=float, help="of all devices, a second")
    p.add_argument("--progress", action="store_true", help="show a bar")
    return p


class Run:
    """Everything that a run changes, and the text it learns from."""

    def __init__(self, args: Namespace, data: Language, device: torch.device):
        torch.manual_seed(args.seed)
        length = data.train.shape[1] - 1
        self.args, self.data, self.device = args, data, device
        self.model = GPT(
            len(data.words), length, args.width, args.heads, args.layers
        ).to(device)
        matrices = [p for p in self.model.parameters() if p.ndim == 2]
        vectors = [p for p in self.model.parameters() if p.ndim != 2]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": args.decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=args.lr,
            betas=(0.9, 0.95),
        )
        # float16 has no number below 6e-8: its gradients are scaled up.
        self.scaler = torch.amp.GradScaler(
            device.type, enabled=args.precision == "float16"
        )
        self.order = torch.Generator().manual_seed(args.seed)
        self.step, self.history, self.seconds = 0, [], []

    def save(self, path: Path) -> None:
        """Write all that the run depends on, at once: never half a file."""
        state = {
            "arguments": {name: getattr(self.args, name) for name in FIXED},
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "order": self.order.get_state(),
            "random": torch.get_rng_state(),
            "step": self.step,
            "history": self.history,
        }
        unfinished = path.with_name(path.name + ".unfinished")
        with unfinished.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())  # on the disk before it gets its name
        unfinished.replace(path)

    def load(self, path: Path) -> None:
        """Put everything back as it was saved."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        for name, saved in state["arguments"].items():
            if saved != getattr(self.args, name):
                raise ValueError(
                    f"the checkpoint needs --{name} {saved}, got "
                    f"{getattr(self.args, name)}"
                )
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.order.set_state(state["order"])
        torch.set_rng_state(state["random"])
        self.step, self.history = state["step"], state["history"]

    def learning_rate(self) -> float:
        """Return the rate of the next step."""
        t = torch.tensor(float(self.step))
        args = self.args
        factor = warmup(t, args.warmup) if args.warmup else 1.0
        return float(factor * cosine(t, args.lr, args.steps, end=args.lr / 10))

    def train_step(self, model: nn.Module, rank: int, size: int) -> Tensor:
        """Take one step; this process takes every size-th text of the batch."""
        begin = time.perf_counter()
        batch = torch.randint(
            len(self.data.train), (self.args.batch,), generator=self.order
        )
        _, every = inputs_and_targets(self.data.train[batch])
        x, y = inputs_and_targets(self.data.train[batch[rank::size]])
        # DDP takes the mean over processes: weigh each by its tokens.
        share = size * int((y >= 0).sum()) / int((every >= 0).sum())
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.zero_grad()
        with self.autocast():
            logits = model(x.to(self.device))
        loss = share * next_token_loss(logits.float(), y.to(self.device))
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)  # before anything is clipped
        parameters = list(self.model.parameters())
        short = clip_by_norm([p.grad for p in parameters], self.args.clip)
        for parameter, gradient in zip(
            parameters, short.gradients, strict=True
        ):
            parameter.grad.copy_(gradient)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # else the clock stops early
        self.step += 1
        self.seconds.append(time.perf_counter() - begin)
        return loss.detach()

    def autocast(self) -> torch.autocast | nullcontext:
        """Return the context in which matrix products have the precision."""
        if self.args.precision == "float32":
            return nullcontext()
        return torch.autocast(
            self.device.type, getattr(torch, self.args.precision)
        )

    @torch.no_grad()
    def story_loss(self, tokens: Tensor) -> float:
        """Return the mean loss of whole texts, in nats a text."""
        x, y = inputs_and_targets(tokens.to(self.device))
        with self.autocast():
            logits = self.model(x)
        loss = next_token_loss(logits.float(), y).item()
        return loss * int((y >= 0).sum()) / len(y)

    def evaluate(self) -> None:
        """Add step, training loss and held-out loss to the history."""
        losses = map(self.story_loss, (self.data.train, self.data.held_out))
        self.history.append((self.step, *(round(loss, 4) for loss in losses)))


def start(args: Namespace, size: int = 1) -> Run:
    """Return a new run, or the one of the checkpoint where there is one."""
    name = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    device = torch.device(name if args.device == "cuda" else args.device)
    if args.precision == "float16" and device.type != "cuda":
        raise ValueError(f"float16 needs a GPU, got the device {device}")
    if args.batch < size:
        raise ValueError(
            f"{size} processes need a batch of {size}, got {args.batch}"
        )
    run = Run(args, read(tuple(args.language.split(","))), device)
    if args.checkpoint and args.checkpoint.exists():
        run.load(args.checkpoint)
    else:
        run.evaluate()
    return run


def train(args: Namespace, rank: int = 0, size: int = 1) -> Run:
    """Train up to the last step, or to the one to stop at."""
    run = start(args, size)
    model = run.model
    if size > 1:
        dist.barrier()  # no process writes a file that another still reads
        model = DistributedDataParallel(model)
    if args.compile:
        model = torch.compile(model, backend=args.compile)
    last = min(args.steps, inf if args.stop_at is None else args.stop_at)
    hidden = rank > 0 or not args.progress
    with tqdm(total=last, initial=run.step, disable=hidden) as bar:
        while run.step < last:
            run.train_step(model, rank, size)
            bar.update()
            if rank == 0 and (run.step % args.every == 0 or run.step == last):
                run.evaluate()
                bar.set_postfix(held_out=run.history[-1][2])
                if args.checkpoint:
                    run.save(args.checkpoint)
    return run


def report(run: Run) -> None:
    """Print the losses, the speed, and a story of each language."""
    step, training, held_out = run.history[-1]
    print(f"step {step}: {training} nats a story, held out {held_out}")
    if run.seconds:
        length = run.data.train.shape[1] - 1
        speed = run.args.batch * length / median(run.seconds)
        print(f"{speed:.0f} tokens a second, those that fill up included")
        if run.args.peak_flops:
            used = speed * training_flops(run.model, length)
            print(f"{used / run.args.peak_flops:.2%} of the peak FLOP/s")
    for language in run.args.language.split(","):
        print(sample(run, language, 1.0, 1)[0])


def sample(
    run: Run, language: str, temperature: float, count: int
) -> list[str]:
    """Return stories that the model writes after the token of a language."""
    begin = torch.full((count, 1), run.data.words.index(f"<{language}>"))
    generator = torch.Generator(run.device).manual_seed(0)
    tokens = generate(
        run.model,
        begin.to(run.device),
        run.model.context,
        temperature,
        generator=generator,
    )
    return [text(run.data.words, row[1:]) for row in tokens]


def experiment() -> dict:
    """Train with three seeds, and let the first model write."""
    torch.set_num_threads(1)
    seeds = [
        parser().parse_args(["--seed", str(n), *SETTING]) for n in range(3)
    ]
    runs = [train(args) for args in seeds]
    curves = np.array([run.history for run in runs])
    numbers = {
        "words": len(runs[0].data.words),
        "parameters": count_parameters(runs[0].model),
        "step": curves[0, :, 0].tolist(),
        "train": curves[..., 1].tolist(),
        "held_out": curves[..., 2].tolist(),
        "temperature": [0.25, 0.5, 1.0, 1.5, 2.0],
        "right": {},
        "distinct": {},
        "unseen": {},
        "sample": {},
    }
    for language in ("en", "ko"):
        known = [" ".join(story) for story in stories(language)]
        for name in ("right", "distinct", "unseen", "sample"):
            numbers[name][language] = []
        for temperature in numbers["temperature"]:
            written = sample(runs[0], language, temperature, 200)
            right = [story for story in written if story in known]
            unseen = set(right) & set(known[-64:])
            numbers["right"][language].append(len(right))
            numbers["distinct"][language].append(len(set(right)))
            numbers["unseen"][language].append(len(unseen))
            numbers["sample"][language].append(written[0])
    return numbers


def main(argv: list[str]) -> None:
    """Train as the command line says, also as one process of torchrun."""
    args = parser().parse_args(argv)
    rank, size = (int(os.environ.get(k, d)) for k, d in PROCESS)
    if size == 1:
        report(train(args))
        return
    if args.device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if args.device == "cuda" else "gloo")
    try:
        run = train(args, rank, size)
        if rank == 0:
            report(run)
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    if sys.argv[1:]:
        main(sys.argv[1:])
    else:
        record(__file__, experiment())
