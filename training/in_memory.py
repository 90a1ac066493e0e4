"""Training on pictures that are already in memory: fine-tuning, adapters, or a new network, never worse than before."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ..imaging.layout import split
from ..imaging.level import DenoiseError
from ..imaging.noise import NOISE_KINDS
from ..imaging.randomness import generator
from ..models.card import STRUCTURE
from ..models.contract import Spec
from ..models.lora import RANK, adapted, adapter_tensors, with_adapter
from ..models.quantise import as_floats
from ..models.saving import check_savable
from ..models.spandrel_bridge import file_names
from ..monitor import Monitor
from .checkpoint import save_network
from .network import make_student
from .objectives import Student
from .recipe import Data, NoisePart, Optimiser, Recipe, RecipeError, Schedule, Validation
from .run import metadata, save_adapter
from .samples import TensorSource
from .trainer import OnRow, Trained, Trainer
from .validation import VALIDATION_STEP, Probe, centre, noisy_probe

KEPT = STRUCTURE | {"classes", "license"}
"""Words of the starting weights that stay true."""
SOURCE = "pictures given"
"""What a weight file says its data were."""
PROBES, PROBE_SIDE, EVERY = 4, 160, 20
WIDE_RANGE = 20
"""A range of amounts this many times wider than its lower end is drawn evenly in the logarithm."""


@dataclass(frozen=True)
class Lesson:
    """What to train and how long; see `Recipe` for the words.

    noise: kind and range of the noise put on clean pictures; None = pairs are given. Of minutes and steps, 0 means no
    limit; with both, whichever comes first.
    """

    name: str
    noise: NoisePart | None
    minutes: float = 1.0
    steps: int = 0
    learning_rate: float = 1e-4
    crop: int = 64
    batch: int = 4
    seed: int = 0

    def recipe(self, network: str, objective: str, options: Mapping[str, object] | None = None) -> Recipe:
        """The recipe that says the same. Raises RecipeError for impossible settings."""
        folders = {"pairs": (SOURCE,), "pair_share": 1.0} if self.noise is None else {"clean": (SOURCE,)}
        return Recipe(
            name=self.name,
            network=network,
            objective=objective,
            data=Data(**folders, crop=self.crop, batch=self.batch),  # type: ignore[arg-type]
            schedule=Schedule(self.learning_rate, self.steps, self.minutes, warm_up=10, final_share=0.05),
            noise=() if self.noise is None else (self.noise,),
            options=options or {},
            seed=self.seed,
            optimiser=Optimiser(ema=0.98),
            validation=Validation(pictures=PROBES, every=EVERY),
        )


def noise_range(kind: str, low: float, high: float) -> NoisePart:
    """Noise of one kind with amounts from low to high on the node scale.

    Raises:
        RecipeError: an unknown kind, or amounts it does not know.
    """
    known = NOISE_KINDS.get(kind)
    if known is not None and not known.minimum <= low <= high <= known.maximum:
        raise RecipeError(
            f"the noise range is {low:g} to {high:g}, but {known.label} noise takes {known.minimum:g} to "
            f"{known.maximum:g} ({known.unit}); try {known.default:g}."
        )
    return NoisePart(kind, low, high, logarithmic=low > 0 and high > WIDE_RANGE * low)


def objective_for(spec: Spec) -> str:
    """The objective that fits a network: what its own recipe uses, else plain regression."""
    if spec.conditioning == "alpha":
        return "interpolation"
    return "elbo" if spec.architecture == "DenoisingVAE" else "regression"


def new_student(architecture: str, seed: int, options: Mapping[str, object] | None = None) -> Student:
    """A fresh network. Raises RecipeError for a name that cannot be trained from scratch."""
    with torch.inference_mode(False):
        return make_student(
            Lesson(architecture, NoisePart("gaussian", 0, 1), seed=seed).recipe(architecture, "", options)
        )


class Apprentice:
    """One run on pictures in memory.

    Args:
        lesson: what and how long. student: the network to start from; it stays as it is, a copy learns.
        clean: [B,H,W,C] in [0,1]. noisy: its noisy twin, or None when the lesson puts the noise on.
        adapter: learn a low-rank adapter instead of all weights. device, precision: see `Trainer`.

    Raises:
        ValueError: unusable pictures, sizes that differ, a crop larger than they are, a network that no file can hold,
            or one that must be told the sigma of noise that has none.
    """

    def __init__(
        self,
        lesson: Lesson,
        student: Student,
        clean: Tensor,
        noisy: Tensor | None = None,
        *,
        adapter: bool = False,
        device: torch.device | str = "cpu",
        precision: str = "auto",
    ) -> None:
        spec = student.spec
        clean = _pictures(clean, "clean", spec.channels)
        noisy = None if noisy is None else _pictures(noisy, "noisy", spec.channels)
        if noisy is not None and noisy.shape != clean.shape:
            raise DenoiseError(
                f"noisy is {tuple(noisy.shape[:3])} and clean {tuple(clean.shape[:3])} (frames, height, width); "
                "give the same pictures in the same order."
            )
        student = replace(student, network=as_floats(student.network))
        if not adapter:
            check_savable(student.network, spec)
        self.lesson, self.adapter, self._original = lesson, adapter, student
        self.recipe = lesson.recipe(spec.architecture, objective_for(spec))
        with torch.inference_mode(False):
            network = adapted(student.network, RANK, lesson.seed) if adapter else copy.deepcopy(student.network)
            learner = Student(network if adapter else network.requires_grad_(True), replace(spec, name=lesson.name))
            source, probes = TensorSource(self.recipe, clean, noisy), _probes(self.recipe, clean, noisy)
            self.trainer = Trainer(self.recipe, source, probes, device=device, precision=precision, student=learner)
            self.trainer.keep_start()
        self.before = self.trainer.progress.start

    def run(self, monitor: Monitor | None = None, on_row: OnRow | None = None) -> Trained:
        """Learn until the lesson is over; the monitor's interruption is passed on, `save` works all the same."""
        return self.trainer.run(monitor, on_row)

    def save(self, file: Path) -> None:
        """The best weights so far, or the adapter alone, as fp16 safetensors."""
        trained, words = self.trainer.result(), self._words()
        if self.adapter:
            save_adapter(trained.state, file, words)
        else:
            save_network(file_names(self._original.network, trained.state), file, words)

    def _words(self) -> dict[str, str]:
        """What is true of the result: little of what the start says about itself."""
        kept = {key: value for key, value in self._original.spec.card.items() if key in KEPT}
        return kept | metadata(self.recipe, self.trainer.result()) | {"started from": self._original.spec.name}

    def network(self) -> tuple[nn.Module, Spec]:
        """A network with the best weights so far, on the CPU, and its spec."""
        trained = self.trainer.result()
        spec = replace(trained.spec, card=self._words())
        if self.adapter:
            return with_adapter(self._original.network, adapter_tensors(trained.state)).cpu(), spec
        network = copy.deepcopy(self._original.network).cpu()
        network.load_state_dict(dict(trained.state))
        return network.eval(), spec


def _pictures(image: Tensor, name: str, channels: int) -> Tensor:
    """[B,H,W,C] as given → [B,H,W,channels] float32 on the CPU; alpha is dropped, gray is the mean of the colours."""
    planes, _ = split(image, name)
    if channels == 1:
        planes = planes.mean(dim=1, keepdim=True)
    return planes.expand(-1, channels, -1, -1).permute(0, 2, 3, 1).contiguous()


def _probes(recipe: Recipe, clean: Tensor, noisy: Tensor | None) -> list[Probe]:
    """The middles of the last pictures, with the noise that is trained on; always the same."""
    probes = []
    for index in range(max(0, len(clean) - PROBES), len(clean)):
        target = centre(clean[index].numpy(), PROBE_SIDE)
        if noisy is not None:
            probes.append(Probe(centre(noisy[index].numpy(), PROBE_SIDE), target, None))
        else:
            probes.append(noisy_probe(target, recipe.noise, generator(recipe.seed, VALIDATION_STEP, index)))
    return probes
