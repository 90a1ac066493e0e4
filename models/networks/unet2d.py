"""UNet2D: the pixel-space U-Net of DDPM (arXiv 2006.11239), with the layout and the names of diffusers' UNet2DModel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from ...imaging.level import DenoiseError
from ...imaging.noise_schedule import NoiseSchedule
from ..contract import Prediction, Spec
from ..registry import Architecture, StateDict, Weights, register
from .padding import pad_to_multiple
from .unet2d_blocks import EmbeddingMLP, SinusoidalEmbedding
from .unet2d_config import UNet2DConfig
from .unet2d_stages import DownStage, Middle, UpStage

NAMES = {"conv_in.weight", "time_embedding.linear_1.weight", "conv_norm_out.weight", "conv_out.weight"}
_PREDICTIONS: dict[str, Prediction] = {"epsilon": "epsilon", "sample": "clean", "v_prediction": "v_prediction"}
_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


class UNet2D(nn.Module):
    """The network of a diffusion chain: x_t and t (and a label) in; ε, x_0 or v out, whatever it was trained for.

    `alphas_cumprod` [T] float64 is ᾱ of the chain. It stays on the CPU in double precision wherever the network goes
    (not every device has doubles), so it is an attribute and no buffer.

    scheduler: the chain, by the names of diffusers' `scheduler_config.json`; what is missing is as in the DDPM paper.
    """

    def __init__(self, config: UNet2DConfig, scheduler: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.config, self.scheduler = config, dict(scheduler or {})
        self.alphas_cumprod = torch.from_numpy(NoiseSchedule.from_config(self.scheduler).alphas_cumprod)
        widths = config.block_out_channels
        self.conv_in = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        self._embeddings(config)
        ends = list(zip((widths[0], *widths), widths, config.down_block_types, strict=False))
        self.down_blocks = nn.ModuleList(
            DownStage(kind, c_in, c_out, config, last=i == len(ends) - 1) for i, (c_in, c_out, kind) in enumerate(ends)
        )
        self.mid_block = Middle(widths[-1], config) if config.mid_block_type else None
        falling = widths[::-1]
        triples = zip((falling[0], *falling), falling, (*falling[1:], falling[-1]), config.up_block_types, strict=False)
        self.up_blocks = nn.ModuleList(
            UpStage(kind, c_in, c_out, c_skip, config, last=i == len(ends) - 1)
            for i, (c_in, c_out, c_skip, kind) in enumerate(triples)
        )
        self.conv_norm_out = nn.GroupNorm(config.norm_num_groups, widths[0], config.norm_eps)
        self.conv_act = nn.SiLU()
        self.conv_out = nn.Conv2d(widths[0], config.out_channels, 3, padding=1)

    def _embeddings(self, config: UNet2DConfig) -> None:
        first = config.block_out_channels[0]
        if config.time_embedding_type == "learned":
            self.time_proj: nn.Module = nn.Embedding(int(config.num_train_timesteps or 0), first)
        else:
            self.time_proj = SinusoidalEmbedding(first, config.flip_sin_to_cos, config.freq_shift)
        self.time_embedding = EmbeddingMLP(first, config.time_width)
        self.class_embedding: nn.Module | None = None
        if config.class_embed_type == "timestep":
            self.class_embedding = EmbeddingMLP(first, config.time_width)
        elif config.num_class_embeds is not None:
            self.class_embedding = nn.Embedding(config.num_class_embeds, config.time_width)

    def embed(self, timestep: Tensor, labels: Tensor | None) -> Tensor:
        """Timesteps [B] and labels [B] or None → [B, time_width].

        Raises:
            DenoiseError: a label for a network without classes, or none for one with classes.
        """
        if (labels is None) != (self.class_embedding is None):
            raise DenoiseError("this UNet2D has no classes." if labels is not None else "this UNet2D needs a label.")
        dtype = self.conv_in.weight.dtype
        embedding = self.time_embedding(self.time_proj(timestep).to(dtype))
        if self.class_embedding is None or labels is None:
            return embedding
        if self.config.class_embed_type == "timestep":
            return embedding + self.class_embedding(self.time_proj(labels).to(dtype))
        return embedding + self.class_embedding(labels)

    def forward(self, x: Tensor, timestep: Tensor, labels: Tensor | None = None) -> Tensor:
        """x [B,C,H,W] on the chain's scale (clean pictures fill [-1,1]), timestep [B], labels [B] → [B,C_out,H,W]."""
        height, width = x.shape[-2:]
        x = pad_to_multiple(x, self.config.multiple)
        embedding = self.embed(timestep.reshape(-1).expand(x.shape[0]), labels)
        x = self.conv_in(2 * x - 1 if self.config.center_input_sample else x)
        skips = [x]
        for down in self.down_blocks:
            skips += down(skips[-1], embedding)
        x = skips[-1]
        if self.mid_block is not None:
            x = self.mid_block(x, embedding)
        for up in self.up_blocks:
            x = up(x, skips, embedding)
        return self.conv_out(self.conv_act(self.conv_norm_out(x)))[..., :height, :width]


def _detect(weights: Weights) -> bool:
    conditioned_on_text = any(".transformer_blocks." in key for key in weights.state)
    return weights.state.keys() >= NAMES and not conditioned_on_text


def _prepare(state: StateDict) -> StateDict:
    """Attention had other names in the first releases of diffusers: query, key, value, proj_attn."""

    def renamed(key: str) -> str:
        parent, _, rest = key.rpartition(".attentions.")
        index, _, name = rest.partition(".")
        module, _, kind = name.rpartition(".")
        return f"{parent}.attentions.{index}.{_OLD_ATTENTION[module]}.{kind}" if module in _OLD_ATTENTION else key

    return {renamed(key): value for key, value in state.items()}


def _config(weights: Weights) -> UNet2DConfig:
    if "config" not in weights.metadata:
        raise DenoiseError(
            "this file is a UNet2D without its settings; keep the config.json it was saved with in the same folder."
        )
    return UNet2DConfig.from_mapping(json.loads(weights.metadata["config"]))


def _scheduler(weights: Weights) -> dict[str, Any]:
    return json.loads(weights.metadata.get("scheduler", "{}"))


def _prediction(scheduler: Mapping[str, Any]) -> Prediction:
    kind = scheduler.get("prediction_type", "epsilon")
    if kind not in _PREDICTIONS:
        raise DenoiseError(f"prediction_type {kind!r} is unknown; UNet2D knows {', '.join(_PREDICTIONS)}.")
    return _PREDICTIONS[kind]


def _build(weights: Weights) -> UNet2D:
    return UNet2D(_config(weights), _scheduler(weights))


def _create(scheduler: Mapping[str, Any] | None = None, **options: Any) -> UNet2D:
    return UNet2D(UNet2DConfig.from_mapping(options), scheduler)


def _describe(network: nn.Module) -> dict[str, str]:
    network = cast(UNet2D, network)
    names = network.config.class_names
    return {
        "config": network.config.to_json(),
        "scheduler": json.dumps(network.scheduler),
        **({"classes": "; ".join(names)} if names else {}),
    }


def _spec(weights: Weights) -> Spec:
    config, scheduler = _config(weights), _scheduler(weights)
    noise = NoiseSchedule.from_config(scheduler)
    if config.in_channels not in (1, 3) or config.out_channels not in (config.in_channels, 2 * config.in_channels):
        raise DenoiseError(
            f"this UNet2D turns {config.in_channels} planes into {config.out_channels}; only networks of gray or RGB "
            "pictures are denoisers (a latent one needs its autoencoder)."
        )
    return Spec(
        name="UNet2D",
        architecture="UNet2D",
        prediction=_prediction(scheduler),
        conditioning="timestep",
        channels=config.in_channels,
        multiple=config.multiple,
        global_statistics=True,
        sigma_range=(noise.sigma(0), noise.sigma(noise.train_steps - 1)),
        activation_bytes=88 * config.block_out_channels[0],
        classes=config.classes,
        unconditional=config.null_class or not config.conditional,
    )


register(
    Architecture(
        name="UNet2D",
        detect=_detect,
        build=_build,
        spec=_spec,
        prepare=_prepare,
        create=_create,
        describe=_describe,
    )
)
