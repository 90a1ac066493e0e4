"""The settings of a UNet2D, by the names of diffusers' `config.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ...imaging.level import DenoiseError

DOWN_BLOCKS = ("DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D")
UP_BLOCKS = ("UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D")
ACTIVATIONS = ("silu", "swish", "mish", "gelu", "relu")
CLASS_NAMES = (None, "UNet2DModel", "UNet2D")


@dataclass(frozen=True)
class UNet2DConfig:
    """Every option of diffusers' UNet2DModel, with its default; `from_mapping` refuses what is not understood.

    attention_head_dim: channels per head, None = one head. num_class_embeds: rows of the label table, None = no labels.
    null_class, class_names: ours, not diffusers': whether the last row of the label table stands for 'no label', and
    what the others are called.
    """

    sample_size: int | tuple[int, ...] | None = None
    in_channels: int = 3
    out_channels: int = 3
    center_input_sample: bool = False
    time_embedding_type: str = "positional"
    time_embedding_dim: int | None = None
    freq_shift: float = 0
    flip_sin_to_cos: bool = True
    down_block_types: tuple[str, ...] = ("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D")
    mid_block_type: str | None = "UNetMidBlock2D"
    up_block_types: tuple[str, ...] = ("AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D")
    block_out_channels: tuple[int, ...] = (224, 448, 672, 896)
    layers_per_block: int = 2
    mid_block_scale_factor: float = 1
    downsample_padding: int = 1
    downsample_type: str = "conv"
    upsample_type: str = "conv"
    dropout: float = 0.0
    act_fn: str = "silu"
    attention_head_dim: int | None = 8
    norm_num_groups: int = 32
    attn_norm_num_groups: int | None = None
    norm_eps: float = 1e-5
    resnet_time_scale_shift: str = "default"
    add_attention: bool = True
    class_embed_type: str | None = None
    num_class_embeds: int | None = None
    num_train_timesteps: int | None = None
    null_class: bool = False
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._require("time_embedding_type", ("positional", "learned"))
        self._require("mid_block_type", (None, "UNetMidBlock2D"))
        self._require("downsample_type", ("conv", "resnet"))
        self._require("upsample_type", ("conv", "resnet"))
        self._require("downsample_padding", (0, 1))
        self._require("act_fn", ACTIVATIONS)
        self._require("resnet_time_scale_shift", ("default", "scale_shift"))
        self._require("class_embed_type", (None, "timestep"))
        for kind in self.down_block_types:
            _one_of("down_block_types", kind, DOWN_BLOCKS)
        for kind in self.up_block_types:
            _one_of("up_block_types", kind, UP_BLOCKS)
        levels = len(self.block_out_channels)
        if not levels or {len(self.down_block_types), len(self.up_block_types)} != {levels}:
            raise DenoiseError(
                "UNet2D needs as many down_block_types and up_block_types as block_out_channels, got "
                f"{len(self.down_block_types)}, {len(self.up_block_types)} and {levels}; correct its config.json."
            )
        if self.norm_num_groups is None or any(width % self.norm_num_groups for width in self.block_out_channels):
            raise DenoiseError(
                f"norm_num_groups {self.norm_num_groups} does not divide block_out_channels "
                f"{self.block_out_channels}; correct config.json."
            )
        if self.class_embed_type == "timestep" and self.num_class_embeds is None:
            raise DenoiseError(
                "class_embed_type 'timestep' without num_class_embeds does not say how many labels there are; add "
                "num_class_embeds to config.json."
            )
        if self.class_names and len(self.class_names) != self.classes:
            raise DenoiseError(f"UNet2D has {self.classes} classes, but class_names lists {len(self.class_names)}.")
        if self.time_embedding_type == "learned" and not self.num_train_timesteps:
            raise DenoiseError("time_embedding_type 'learned' needs num_train_timesteps in config.json.")

    def _require(self, option: str, known: tuple[Any, ...]) -> None:
        _one_of(option, getattr(self, option), known)

    @property
    def time_width(self) -> int:
        """Width of the time embedding."""
        return self.time_embedding_dim or 4 * self.block_out_channels[0]

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this."""
        return 2 ** (len(self.block_out_channels) - 1)

    @property
    def conditional(self) -> bool:
        """Whether it takes a class label."""
        return self.num_class_embeds is not None

    @property
    def classes(self) -> int:
        """Number of labels that mean something; the null label, if there is one, comes after them."""
        return (self.num_class_embeds or 0) - self.null_class

    def head_width(self, channels: int) -> int:
        """Channels of one attention head in a block of that many channels."""
        return self.attention_head_dim or channels

    @classmethod
    def from_mapping(cls, options: Mapping[str, Any]) -> UNet2DConfig:
        """Read a parsed `config.json`; entries that start with an underscore describe the file, not the network.

        Raises:
            DenoiseError: another kind of model, or an option or a value that is not known here.
        """
        kind = options.get("_class_name")
        if kind not in CLASS_NAMES:
            raise DenoiseError(f"config.json describes a {kind}, not a UNet2DModel; load a DDPM of pixels.")
        known = {field.name for field in fields(cls)}
        given = {name: value for name, value in options.items() if not name.startswith("_")}
        unknown = sorted(given.keys() - known)
        if unknown:
            raise DenoiseError(f"UNet2D does not know the option(s) {', '.join(unknown)} of config.json.")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
        }
        for name in ("down_block_types", "up_block_types"):  # the first releases called them UNetResDownBlock2D …
            if name in values:
                values[name] = tuple(kind.removeprefix("UNetRes") for kind in values[name])
        return cls(**values)

    def to_json(self) -> str:
        """One line of JSON, for the metadata of a weight file; only what differs from the defaults."""
        default = {field.name: field.default for field in fields(self)}
        changed = {name: value for name, value in asdict(self).items() if value != default[name]}
        return json.dumps({"_class_name": "UNet2D", **changed})


def _one_of(option: str, value: Any, known: tuple[Any, ...]) -> None:
    if value not in known:
        raise DenoiseError(f"UNet2D cannot do {option} = {value!r}; it knows {', '.join(map(str, known))}.")
