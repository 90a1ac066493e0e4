"""Zero-Shot Noise2Noise: a tiny network that learns from the one noisy picture (Mansour & Heckel, arXiv 2303.11253)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..imaging.level import Level
from ..imaging.randomness import seeded
from ..monitor import Monitor
from .contract import Spec
from .network_denoiser import NetworkDenoiser
from .placement import PlainPlacement, default_device
from .precision import pick_dtype

WIDTH = 48
SMALLEST_SIDE = 8
"""Below this a picture has too few pixels to learn anything from."""


def pair_downsample(image: Tensor) -> tuple[Tensor, Tensor]:
    """[B,C,H,W] → two half-size pictures from the two diagonals of each 2×2 block: same scene, independent noise."""
    height, width = image.shape[-2] // 2 * 2, image.shape[-1] // 2 * 2
    image = image[..., :height, :width]
    falling = (image[..., ::2, ::2] + image[..., 1::2, 1::2]) / 2
    rising = (image[..., ::2, 1::2] + image[..., 1::2, ::2]) / 2
    return falling, rising


def zero_shot_loss(network: nn.Module, noisy: Tensor) -> Tensor:
    """Residual loss (eq. 5) plus consistency loss (eq. 6) of the paper; the network predicts the noise."""
    first, second = pair_downsample(noisy)
    clean_first, clean_second = first - network(first), second - network(second)
    residual = F.mse_loss(clean_first, second) + F.mse_loss(clean_second, first)
    down_first, down_second = pair_downsample(noisy - network(noisy))
    consistency = F.mse_loss(clean_first, down_first) + F.mse_loss(clean_second, down_second)
    return (residual + consistency) / 2


def tiny_network(channels: int) -> nn.Sequential:
    """Two 3×3 convolutions and a 1×1: about 22,000 parameters."""
    return nn.Sequential(
        nn.Conv2d(channels, WIDTH, 3, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(WIDTH, channels, 1),
    )


@dataclass(frozen=True)
class ZeroShotDenoiser:
    """Trains anew on every frame; knows nothing but the frame, so it works where no training data exists.

    It assumes noise that is independent from pixel to pixel; correlated (camera JPEG) noise is taken for texture.

    iterations: gradient steps per frame. crop: side of the random crop that a step looks at (frames below are used
    whole), which keeps the time independent of the picture's size. seed: of the weights and the crops.
    """

    iterations: int = 1000
    crop: int = 192
    learning_rate: float = 2e-3
    seed: int = 0
    device: str = "auto"

    @property
    def spec(self) -> Spec:
        """Metadata; it needs no noise level and takes any number of planes."""
        paper = "Mansour, Heckel: Zero-Shot Noise2Noise, arXiv 2303.11253"
        return Spec("zero_shot", "ZeroShotN2N", prediction="residual", radius=2, card={"paper": paper})

    def __call__(self, image: Tensor, level: Level = Level(), monitor: Monitor | None = None) -> Tensor:
        """See `Denoiser`. The level is not used.

        Raises:
            ValueError: a side below 8 pixels, or fewer than one iteration.
        """
        if min(image.shape[-2:]) < SMALLEST_SIDE:
            raise ValueError(f"zero-shot denoising needs at least 8x8 pixels, got {tuple(image.shape[-2:])}.")
        if self.iterations < 1:
            raise ValueError(f"iterations must be at least 1, got {self.iterations}.")
        monitor = monitor or Monitor()
        frames = [
            self._frame(image[index : index + 1].float(), monitor.part(index, len(image)))
            for index in range(len(image))
        ]
        return torch.cat(frames)

    def _frame(self, noisy: Tensor, monitor: Monitor) -> Tensor:
        device = default_device() if self.device == "auto" else torch.device(self.device)
        half = pick_dtype(device, "auto", fp16_is_safe=False) == torch.bfloat16
        layout = torch.channels_last if half or device.type != "cpu" else torch.contiguous_format  # a third faster
        # ComfyUI runs nodes in inference mode, whose tensors cannot take part in training: leave it, and copy.
        with torch.inference_mode(False), torch.enable_grad():
            picture = noisy.clone().to(device).contiguous(memory_format=layout)
            with seeded(self.seed):
                network = tiny_network(noisy.shape[1])
            network = network.to(device).to(memory_format=layout)
            self._train(network, picture, half, monitor)
        return self._denoised(network, picture, monitor).to(noisy.device)

    def _denoised(self, network: nn.Module, picture: Tensor, monitor: Monitor) -> Tensor:
        """The picture through the trained network, tile by tile where it is large."""
        spec = replace(self.spec, channels=picture.shape[1])
        tiled = NetworkDenoiser(network.eval(), spec, PlainPlacement(network, picture.device), "fp32")
        return tiled(picture, monitor=Monitor(None, monitor.check_cancel))

    def _train(self, network: nn.Module, picture: Tensor, half: bool, monitor: Monitor) -> None:
        optimizer = torch.optim.Adam(network.parameters(), self.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.iterations, self.learning_rate / 20)
        random = torch.Generator().manual_seed(self.seed)
        for step in range(self.iterations):
            with torch.autocast(picture.device.type, torch.bfloat16, enabled=half):  # anew: it caches cast weights
                loss = zero_shot_loss(network, self._crop(picture, random))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            monitor.advance((step + 1) / self.iterations)

    def _crop(self, picture: Tensor, random: torch.Generator) -> Tensor:
        ends = [max(1, side - self.crop + 1) for side in picture.shape[-2:]]
        corner = [int(torch.randint(end, (), generator=random)) for end in ends]
        return picture[..., corner[0] : corner[0] + self.crop, corner[1] : corner[1] + self.crop]
