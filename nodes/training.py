"""Train Denoiser: fine-tune a denoiser on one's own pictures, or train a new one."""

from __future__ import annotations

from pathlib import Path

from .. import host
from ..imaging.level import DenoiseError
from ..imaging.noise import NOISE_KINDS
from ..models.network_denoiser import NetworkDenoiser
from ..models.placement import PlainPlacement
from ..training.in_memory import Apprentice, Lesson, new_student, noise_range
from ..training.objectives import Student
from ..training.run import training_chart
from .common import answer, seed_input
from .registry import node
from .widgets import choice, integer, real

WHOLE, ADAPTER = "connected denoiser", "adapter for the connected denoiser"
NEW = {
    "new DnCNN": ("DnCNN", {}),
    "new InterpolationUNet": ("InterpolationUNet", {"width": 32}),
    "new RIDNet": ("RIDNet", {}),
    "new DenoisingAutoencoder": ("DenoisingAutoencoder", {}),
    "new DenoisingVAE": ("DenoisingVAE", {}),
}
RATES = {WHOLE: 1e-4}
NEW_RATE = 1e-3
KEPT_ACTIVATIONS = 10
"""Training keeps the activations of all layers: about this many times what running the network takes."""


@node("Train Denoiser", "Denoisers", ("fine-tune", "finetune", "lora", "train your own", "learn", "teach"))
class TrainDenoiser:
    """Minutes of training inside a workflow."""

    DESCRIPTION = (
        "Teaches a denoiser your pictures and your noise: fine-tunes the connected one, trains a small adapter for it, "
        "or starts a new network. Keeps whatever was best, never something worse than the start. Cancelling keeps the "
        "best so far, too."
    )
    RETURN_TYPES = ("DENOISER", "IMAGE", "STRING")
    RETURN_NAMES = ("denoiser", "chart", "report")
    OUTPUT_TOOLTIPS = (
        "The trained denoiser, ready to use.",
        "Loss and validation PSNR over the steps.",
        "Steps, PSNR before and after, and the path of the saved file.",
    )
    FUNCTION = "train"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        clean = "Clean pictures of one size, the more the better; random squares of them are learnt from."
        noisy = "The same pictures, noisy, in the same order. Unconnected: noise is made as chosen here."
        highest = max(kind.maximum for kind in NOISE_KINDS.values())
        range_end = "on the scale of Add Noise (sigma of 0–255, per cent, ISO …); every square gets an amount between."
        name = "Name of the new file in models/denoisers; a number is added if there is one of that name already."
        rate = (
            "Step size of Adam; 0 = automatic (0.0001 for a connected denoiser, 0.001 for adapters and new networks)."
        )
        return {
            "required": {
                "clean": ("IMAGE", {"tooltip": clean}),
                "train": choice(
                    (WHOLE, ADAPTER, *NEW),
                    "All weights of the connected denoiser, a small adapter that Load Denoiser can add to it, or "
                    "a new network, which takes hours to become good.",
                ),
                "noise": choice(tuple(NOISE_KINDS), "Kind of noise put on the clean pictures; see Add Noise."),
                "noise_low": real(5.0, 0.0, highest, 0.01, f"Least noise, {range_end}"),
                "noise_high": real(50.0, 0.0, highest, 0.01, f"Most noise, {range_end}"),
                "minutes": real(1.0, 0.0, 10_000.0, 0.1, "How long to train; 0 = until `steps` are done."),
                "steps": integer(0, 0, 10_000_000, "How many steps to train; 0 = until `minutes` are over."),
                "learning_rate": real(0.0, 0.0, 1.0, 0.00001, rate),
                "crop": integer(64, 16, 1024, "Side in pixels of the squares that are cut out of the pictures."),
                "batch": integer(4, 1, 256, "Squares per step."),
                "seed": seed_input(),
                "save_as": ("STRING", {"default": "my_denoiser", "tooltip": name}),
            },
            "optional": {
                "denoiser": ("DENOISER", {"tooltip": "What to fine-tune: a network from Load Denoiser."}),
                "noisy": ("IMAGE", {"tooltip": noisy}),
            },
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    def train(
        self,
        clean,
        train,
        noise,
        noise_low,
        noise_high,
        minutes,
        steps,
        learning_rate,
        crop,
        batch,
        seed,
        save_as,
        denoiser=None,
        noisy=None,
        unique_id=None,
    ):
        """The name is checked first, so that no work is lost; an interruption saves and goes on its way."""
        file = _as_adapter(save_as) if train == ADAPTER else host.new_denoiser_file(save_as)
        start = _starting_point(train, denoiser, seed)
        part = None if noisy is not None else noise_range(noise, noise_low, noise_high)
        rate = learning_rate or RATES.get(train, NEW_RATE)
        lesson = Lesson(file.stem, part, minutes, steps, rate, crop, batch, seed)
        start.placement.ready(KEPT_ACTIVATIONS * batch * crop**2 * start.spec.activation_bytes)
        apprentice = Apprentice(
            lesson,
            Student(start.network, start.spec),
            clean,
            noisy,
            adapter=train == ADAPTER,
            device=start.placement.device,
        )
        self._run(apprentice, file, unique_id)
        text = _report(apprentice, start.spec.name, file)
        chart = training_chart(apprentice.trainer.progress)
        return answer(text, _placed(start, *apprentice.network()), chart, text, images=host.show_images(chart))

    @staticmethod
    def _run(apprentice, file, unique_id):
        def row(step: int, seconds: float, loss: float, psnr: float) -> None:
            best = apprentice.trainer.progress.best
            words = f"step {step} · loss {loss:.4f} · PSNR {psnr:.2f} dB"
            host.send_text(f"{words} (start {apprentice.before:.2f}, best {best:.2f})", unique_id)

        try:
            apprentice.run(host.monitor(unique_id), row)
        finally:
            if apprentice.trainer.progress.rows:
                apprentice.save(file)


def _as_adapter(name: str) -> Path:
    """A new file; Load Denoiser knows adapters by the end of their names."""
    stem = name.strip().removesuffix(".safetensors")
    return host.new_denoiser_file(stem if not stem or stem.endswith("_lora") else f"{stem}_lora", adapter=True)


def _starting_point(train: str, denoiser: object, seed: int) -> NetworkDenoiser:
    """The connected denoiser, or a new network in its place."""
    if train in NEW:
        architecture, options = NEW[train]
        student = new_student(architecture, seed, options)
        return NetworkDenoiser(student.network, student.spec, host.place(student.network))
    if denoiser is None:
        raise DenoiseError(f"train is '{train}', but nothing is connected to denoiser; add Load Denoiser.")
    if not isinstance(denoiser, NetworkDenoiser):
        raise DenoiseError("this denoiser has no weights to train; connect a network straight from Load Denoiser.")
    return denoiser


def _placed(start: NetworkDenoiser, network, spec) -> NetworkDenoiser:
    """The result where its start was."""
    plain = isinstance(start.placement, PlainPlacement)
    placement = PlainPlacement(network, start.placement.device) if plain else host.place(network)
    return start.moved(network, placement).reading(spec)


def _report(apprentice: Apprentice, start: str, file) -> str:
    progress, before = apprentice.trainer.progress, apprentice.before
    gain = progress.best - before
    change = f"{before:.2f} → {progress.best:.2f} dB ({gain:+.2f})" if gain > 0 else f"stays {before:.2f} dB: no gain"
    return (
        f"{start} → {file.name} · {progress.step} steps in {progress.seconds:.0f} s\n"
        f"PSNR on squares of the given pictures: {change}\nsaved: {file}, {file.stat().st_size / 1e6:.2f} MB"
    )
