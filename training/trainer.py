"""The trainer: one loop for every objective; exact to resume, stopped by time, steps or the user."""

from __future__ import annotations

import copy
import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..imaging.randomness import generator as numpy_generator
from ..models.contract import Spec
from ..models.precision import pick_dtype
from ..monitor import Monitor
from .checkpoint import Progress, check_fits, load_checkpoint, save_checkpoint
from .network import make_student, make_teacher
from .objectives import Objective, Student, objectives
from .processes import Processes
from .recipe import Recipe, RecipeError
from .samples import Batch, Source
from .validation import Probe, check_sigma, fingerprint, validate

CHECKPOINT_SECONDS = 60.0
OBJECTIVE_DRAWS = 1 << 20
"""Above the number of any sample in a step, which samples draw their own random numbers by."""
MOST_SKIPPED = 10
"""Steps in a row with a loss or gradient that is not finite."""
BURST = "lower schedule.learning_rate, or start from whole weights"
OnRow = Callable[[int, float, float, float], None]
"""(step, trained seconds, mean loss since the last row, validation PSNR in dB)."""


@dataclass(frozen=True)
class Trained:
    """What a run gives: the weights with the best validation PSNR, and how it went."""

    state: Mapping[str, Tensor]
    spec: Spec
    progress: Progress
    finished: bool
    """False when it was stopped before its length was over."""


class Trainer:
    """One run of a recipe.

    Args:
        recipe: what to do. source: where batches come from. probes: what is validated on.
        device: where it trains. precision: auto, fp32 or bf16 (autocast).
        folder: for checkpoints; None = none are written. resume: go on from the one in there.
        student: a network to go on with instead of a fresh one (fine-tuning, adapters).
        root: folder that the recipe's relative `teacher` lies in.
        processes: the others that train with this one, each with batches of its own; None = it is alone.

    Raises:
        RecipeError: an unknown network or objective, one that must be told the sigma of noise that has none, precision
            fp16, or nothing to resume. DenoiseError: an unusable
            teacher.
    """

    def __init__(
        self,
        recipe: Recipe,
        source: Source,
        probes: Sequence[Probe],
        *,
        device: torch.device | str = "cpu",
        precision: str = "auto",
        folder: Path | None = None,
        resume: bool = False,
        student: Student | None = None,
        root: Path | None = None,
        processes: Processes | None = None,
    ) -> None:
        self.recipe, self.source, self.probes, self.folder = recipe, source, probes, folder
        self.processes = processes
        self.device = torch.device(device)
        self.dtype = training_dtype(self.device, precision)
        known = objectives()
        if recipe.objective not in known:
            raise RecipeError(
                f"recipe entry 'objective' is {recipe.objective!r}; use one of {', '.join(sorted(known))}."
            )
        self.objective = known[recipe.objective]
        _check_options(recipe, self.objective)
        self.progress, self._skipped = Progress(validated_on=fingerprint(probes)), 0
        self.best: Mapping[str, Tensor] = {}
        with torch.inference_mode(False):  # ComfyUI's mode, whose tensors cannot be trained
            self.student = make_student(recipe) if student is None else _own_copy(student)
            check_sigma(recipe, self.student.spec, probes)
            network = self.network.to(self.device).to(memory_format=torch.channels_last).train()
            self.average = _copy(network)
            teacher = make_teacher(recipe, root, self.device)
            self.options = {**recipe.objective_options, **({} if teacher is None else {"teacher": teacher})}
            self.optimiser = self._make_optimiser()
            if resume:
                self._resume()

    @property
    def network(self) -> nn.Module:
        """The network in training."""
        return self.student.network

    def _make_optimiser(self) -> torch.optim.Optimizer:
        plan, rate = self.recipe.optimiser, self.recipe.schedule.learning_rate
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        betas = (plan.betas[0], plan.betas[1])
        return torch.optim.AdamW(trained, rate, betas=betas, weight_decay=plan.weight_decay)

    def _resume(self) -> None:
        saved = load_checkpoint(self.folder) if self.folder else None
        if saved is None:
            raise RecipeError(f"there is no checkpoint in '{self.folder}' to resume; leave out --resume to start anew.")
        progress, validated_on = check_fits(saved, self.network, self.optimiser), self.progress.validated_on
        self.network.load_state_dict(saved["network"])
        self.average = {key: value.to(self.device) for key, value in saved["average"].items()}
        self.best = saved["best"]
        self.optimiser.load_state_dict(saved["optimiser"])
        if progress.validated_on != validated_on:
            best = self._quality(self.best)[0] if self.best and self._writes else -math.inf
            progress = replace(progress, best=best, start=math.nan, validated_on=validated_on)
        self.progress = progress

    def keep_start(self) -> None:
        """Make the weights the run starts from its best so far: what is no better is not kept.

        Raises:
            RecipeError: they give NaN.
        """
        if not self._writes:
            return
        quality, _ = self._quality(self.average)
        if math.isnan(quality):
            raise RecipeError(f"the network to start from gives NaN; {BURST}.")
        self.progress.start = self.progress.best = quality
        self.best = {key: value.cpu().clone() for key, value in self.average.items()}

    def run(self, monitor: Monitor | None = None, on_row: OnRow | None = None) -> Trained:
        """Train until the recipe's length is over. What interrupts it leaves a checkpoint behind."""
        monitor = monitor or Monitor()
        losses: list[float] = []
        saved, plan = time.monotonic(), self.recipe.schedule
        with torch.inference_mode(False), torch.enable_grad(), ThreadPoolExecutor(1) as ahead:
            if self.recipe.init and not self.progress.step:
                self.keep_start()
            waiting = ahead.submit(self.source.batch, self.progress.step)
            try:
                while plan.fraction(self.progress.step, self.progress.seconds) < 1:
                    started = time.monotonic()
                    batch = waiting.result()
                    waiting = ahead.submit(self.source.batch, self.progress.step + 1)
                    loss = self._step(batch)
                    losses += [loss] if math.isfinite(loss) else []
                    self.progress.seconds = self._agree(self.progress.seconds + time.monotonic() - started)
                    if self.progress.step % self.recipe.validation.every == 0:
                        self._measure(losses, monitor, on_row)
                    monitor.advance(plan.fraction(self.progress.step, self.progress.seconds))
                    if time.monotonic() - saved > CHECKPOINT_SECONDS:
                        saved = self._save()
            finally:
                waiting.cancel()
                if self.progress.step:  # or a run that could not even start would be in the way of the next
                    self._save()
        self._measure(losses, monitor, on_row)
        self._save()
        return self.result()

    def result(self) -> Trained:
        """The best weights so far; before the first measurement the averaged ones."""
        over = self.recipe.schedule.fraction(self.progress.step, self.progress.seconds) >= 1
        return Trained(self.best or self.average, self.student.spec, replace(self.progress), over)

    def _step(self, batch: Batch) -> float:
        plan, step = self.recipe.optimiser, self.progress.step
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.schedule.rate(step, self.progress.seconds)
        batch = Batch(*(value.to(self.device) for value in (batch.noisy, batch.clean, batch.second, batch.sigma)))
        buffers = [buffer.clone() for buffer in self.network.buffers()]  # batch norm follows whatever it is shown
        chance = nullcontext() if self.processes is None else self.processes.share_of_draws(len(batch.clean))
        with chance, torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            loss = self.objective(self.student, batch, self._random(step), **self.options)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if self.processes is not None:
            self.processes.average_gradients(self.network)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), plan.clip_norm or math.inf)
        self.progress.step = step + 1
        value = float(loss.detach())
        if self._agree(float(math.isfinite(value) and bool(torch.isfinite(norm)))) < 1:
            self._skip(step, value, buffers)
            return math.nan
        self._skipped = 0
        self.optimiser.step()
        self._follow(min(plan.ema, (1 + step) / (10 + step)))
        return value

    def _skip(self, step: int, loss: float, buffers: Sequence[Tensor]) -> None:
        """One bad batch must not spoil the weights or buffers; many in a row are no bad luck."""
        for buffer, before in zip(self.network.buffers(), buffers, strict=True):
            buffer.copy_(before)
        self._skipped += 1
        if self._skipped == MOST_SKIPPED:
            raise RecipeError(f"the loss is {loss} in step {step}, and was not usable in the steps before; {BURST}.")

    def _agree(self, value: float) -> float:
        """All processes must end, lower their rate and leave a step out together."""
        return value if self.processes is None else self.processes.agree(value)

    @property
    def _writes(self) -> bool:
        return self.processes is None or self.processes.is_main

    def _random(self, step: int) -> torch.Generator:
        """Chance inside the objective depends on (seed, step) alone."""
        seed = numpy_generator(self.recipe.seed, step, OBJECTIVE_DRAWS).integers(1 << 62)
        return torch.Generator().manual_seed(int(seed))

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        """The moving average goes (1 − decay) of the way to the present weights."""
        for key, value in self.network.state_dict().items():
            if value.is_floating_point():
                self.average[key].lerp_(value, 1 - decay)
            else:
                self.average[key].copy_(value)

    def _measure(self, losses: list[float], monitor: Monitor, on_row: OnRow | None) -> None:
        """Validate the averaged weights; the best ones are kept. One process does it for all."""
        if not losses or not self._writes:
            losses.clear()
            return
        quality, preview = self._quality(self.average)
        if not self.best and math.isnan(quality):
            raise RecipeError(f"the validation gives NaN after step {self.progress.step}; {BURST}.")
        if quality > self.progress.best:
            self.progress.best = quality
            self.best = {key: value.detach().cpu().clone() for key, value in self.average.items()}
        row = (self.progress.step, self.progress.seconds, sum(losses) / len(losses), quality)
        losses.clear()
        self.progress.rows.append(row)
        monitor.advance(self.recipe.schedule.fraction(row[0], row[1]), preview)
        if on_row is not None:
            on_row(*row)

    def _quality(self, state: Mapping[str, Tensor]) -> tuple[float, Tensor]:
        """PSNR and preview of these weights. The present ones come back even if it is interrupted: they are saved."""
        present = _copy(self.network)
        try:
            self.network.load_state_dict(state)
            return validate(self.student, self.probes, self.device, self.dtype)
        finally:
            self.network.load_state_dict(present)

    def _save(self) -> float:
        if self.folder is not None and self._writes:
            save_checkpoint(self.folder, self.network, self.average, self.best, self.optimiser, self.progress)
        return time.monotonic()


def training_dtype(device: torch.device, precision: str) -> torch.dtype:
    """The autocast type for training. Raises RecipeError for fp16, in which small gradients become zero."""
    if precision == "fp16":
        raise RecipeError("precision fp16 loses small gradients in training; use bf16, fp32 or auto.")
    return pick_dtype(device, precision, fp16_is_safe=False)


def _check_options(recipe: Recipe, chosen: Objective) -> None:
    known = [name for name in list(inspect.signature(chosen).parameters)[3:] if name != "teacher"]
    for name in recipe.objective_options:
        if name not in known:
            words = f"is unknown; {recipe.objective} knows {', '.join(known) or 'none'}"
            raise RecipeError(f"recipe entry 'objective_options.{name}' {words}.")


def _own_copy(student: Student) -> Student:
    """The caller's denoiser must not change while its copy learns."""
    return replace(student, network=copy.deepcopy(student.network))


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in network.state_dict().items()}
