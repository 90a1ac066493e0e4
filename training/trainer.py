"""The training loop: resumable at every moment, exact when counted in steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..imaging.level import DenoiseError
from ..models.contract import Spec
from ..models.precision import pick_dtype
from .checkpoint import load_checkpoint, save_checkpoint, save_weights
from .data import Batch, Pool, Prefetch, Sampler
from .ema import Ema
from .log import CsvLog
from .networks import make_network
from .objectives import make_objective
from .recipe import Recipe
from .schedule import rate_factor
from .validation import Validator

LONGEST_STEP = 60.0
"""Seconds; a step that took longer was paused from outside, and the pause is not trained time."""


@dataclass(frozen=True)
class Progress:
    """What is told after every step: `scores` are PSNR in dB by validation case, at validations only."""

    step: int
    done: float
    loss: float
    rate: float
    seconds: float
    left: float
    scores: dict[str, float] = field(default_factory=dict)


class Trainer:
    """Trains the network of a recipe on `pools`, and keeps the best averaged weights.

    Args:
        out: folder for checkpoint.pt, best.safetensors and log.csv; None writes nothing.
        resume: continue from out/checkpoint.pt if there is one.
        network: train this one instead of the recipe's own.

    Raises:
        DenoiseError: whatever the recipe, the data or the checkpoint have wrong.
    """

    def __init__(
        self,
        recipe: Recipe,
        pools: list[Pool],
        out: Path | None = None,
        device: torch.device | str = "cpu",
        resume: bool = False,
        network: tuple[nn.Module, Spec] | None = None,
    ) -> None:
        self.recipe, self.out, self.device = recipe, out, torch.device(device)
        self.objective = make_objective(recipe.objective.name, dict(recipe.objective.options))
        model, self.spec = network or make_network(recipe)
        self.network = model.to(self.device, memory_format=torch.channels_last).train()
        self.dtype = pick_dtype(self.device, recipe.precision, self.spec.half)
        self.optimiser = self._optimiser()
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        self.ema = Ema(self.network, recipe.ema)
        self.step, self.seconds, self.best = 0, 0.0, float("-inf")
        self.best_state: dict[str, Tensor] = self.ema.state
        self.scores: dict[str, float] = {}
        self._batches = Prefetch(Sampler(recipe, pools, self.objective.second))
        self._validator = Validator(recipe, pools)
        self._saved = 0.0
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        if resume and self._checkpoint and self._checkpoint.is_file():
            self._load(load_checkpoint(self._checkpoint))
        self._log = CsvLog(None if out is None else out / "log.csv", self.step)

    @property
    def _checkpoint(self) -> Path | None:
        return None if self.out is None else self.out / "checkpoint.pt"

    def _optimiser(self) -> torch.optim.Optimizer:
        chosen = self.recipe.optimiser
        kind = torch.optim.AdamW if chosen.name == "adamw" else torch.optim.Adam
        weights = [p for p in self.network.parameters() if p.requires_grad]
        return kind(weights, lr=chosen.rate, betas=chosen.betas, weight_decay=chosen.weight_decay)

    @property
    def done(self) -> float:
        """Share of the training that is over."""
        schedule = self.recipe.schedule
        share = self.step / schedule.steps if schedule.steps else self.seconds / (60 * schedule.minutes)
        return min(1.0, share)

    def run(self, report: Callable[[Progress], None] | None = None) -> dict[str, Tensor]:
        """Train to the end; returns the best averaged weights. What `report` raises ends the training, all saved."""
        try:
            while self.done < 1:
                progress = self._advance()
                if report is not None:
                    report(progress)
            if self.step:
                self._validate()
        finally:
            self._batches.close()
            self.save()
        return self.best_state

    def _advance(self) -> Progress:
        started = time.perf_counter()
        rate = self.recipe.optimiser.rate * rate_factor(self.recipe.schedule, self.step, self.done)
        loss = self._update(self._batches(self.step), rate)
        self.ema.update(self.network, self.step)
        self.step += 1
        self.seconds += min(LONGEST_STEP, time.perf_counter() - started)
        scores = self._validate() if self.step % self.recipe.validation.interval == 0 else {}
        left = self.seconds / self.done - self.seconds if self.done else 0.0
        progress = Progress(self.step, self.done, loss, rate, self.seconds, left, scores)
        self._log.add(progress)
        if self.seconds - self._saved > 60 * self.recipe.checkpoint_minutes:
            self.save()
        return progress

    def _update(self, batch: Batch, rate: float) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        batch = batch.to(self.device)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            loss = self.objective.loss(self.network, self.spec, batch)
        if not torch.isfinite(loss):
            raise DenoiseError(f"the loss became {float(loss)} at step {self.step}; lower the rate or clip gradients.")
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        if self.recipe.optimiser.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimiser.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return float(loss.detach())

    def _validate(self) -> dict[str, float]:
        """Measure the averaged weights; keep them if they are the best so far."""
        current = {key: value.clone() for key, value in self.network.state_dict().items()}
        self.network.load_state_dict(self.ema.state)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            self.scores = self._validator(self.network, self.spec, self.objective, self.device)
        self.network.load_state_dict(current)
        if self.scores["mean"] > self.best:
            self.best = self.scores["mean"]
            self.best_state = {key: value.clone() for key, value in self.ema.state.items()}
            if self.out is not None:
                save_weights(self.out / "best.safetensors", self.best_state, self.card())
        return self.scores

    def save(self) -> None:
        """Write the checkpoint."""
        self._saved = self.seconds
        if self._checkpoint is None:
            return
        content = {
            "recipe": self.recipe.name,
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "network": self.network.state_dict(),
            "ema": self.ema.state,
            "best_state": self.best_state,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
        }
        save_checkpoint(self._checkpoint, content)

    def _load(self, content: dict) -> None:
        if content["recipe"] != self.recipe.name:
            raise DenoiseError(f"the checkpoint is of recipe '{content['recipe']}', not '{self.recipe.name}'.")
        self.network.load_state_dict(content["network"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.scaler.load_state_dict(content["scaler"])
        self.ema.state = {key: value.to(self.device) for key, value in content["ema"].items()}
        self.best_state = content["best_state"]
        self.step, self.seconds, self.best = content["step"], content["seconds"], content["best"]
        self._saved = self.seconds

    def card(self) -> dict[str, str]:
        """What the weight file says about itself."""
        facts = {
            "architecture": self.spec.architecture,
            "prediction": self.spec.prediction,
            "conditioning": self.spec.conditioning,
            "objective": self.recipe.objective.name,
            "recipe": self.recipe.name,
            "data": ", ".join(s.folder for s in self.recipe.sources),
            "licence": self.recipe.licence,
            "description": self.recipe.description,
            "steps": str(self.step),
            "hours": f"{self.seconds / 3600:.2f}",
            "validation_psnr": f"{self.best:.3f}",
        }
        return {key: value for key, value in facts.items() if value}


def shortened(recipe: Recipe, minutes: float) -> Recipe:
    """The recipe with that many minutes of trained time instead of its own length."""
    return replace(recipe, schedule=replace(recipe.schedule, steps=0, minutes=minutes))
