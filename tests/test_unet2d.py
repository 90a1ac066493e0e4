"""UNet2D against diffusers' own network, and the folders diffusers saves."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.imaging.noise_schedule import NoiseSchedule
from realdenoise.models.loader import load_denoiser
from realdenoise.models.networks.unet2d import UNet2D
from realdenoise.models.networks.unet2d_config import UNet2DConfig
from safetensors.torch import save_file

SMALL: dict[str, Any] = {
    "block_out_channels": (32, 64),
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 1,
    "norm_num_groups": 8,
}
PLAIN = {**SMALL, "down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
# The options of published checkpoints, with fewer and narrower levels.
CONFIGS: dict[str, dict[str, Any]] = {
    "ddpm-cifar10-32": {
        "block_out_channels": (32, 64, 64, 64),
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 2,
        "attention_head_dim": None,
        "downsample_padding": 0,
        "flip_sin_to_cos": False,
        "freq_shift": 1,
        "norm_eps": 1e-6,
    },
    "ddpm-celebahq-256": {
        "block_out_channels": (32, 32, 64, 64, 96, 96),
        "down_block_types": ("DownBlock2D",) * 4 + ("AttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "AttnUpBlock2D") + ("UpBlock2D",) * 4,
        "attention_head_dim": None,
        "downsample_padding": 0,
        "flip_sin_to_cos": False,
        "freq_shift": 1,
        "norm_eps": 1e-6,
        "norm_num_groups": 16,
    },
    "defaults": {"block_out_channels": (32, 32, 64, 64), "norm_num_groups": 8},
    "class-conditional": {**SMALL, "num_class_embeds": 11, "attention_head_dim": 16},
    "labels embedded like timesteps": {**SMALL, "class_embed_type": "timestep", "num_class_embeds": 5},
    "scale_shift and resnet resampling": {
        **SMALL,
        "resnet_time_scale_shift": "scale_shift",
        "down_block_types": ("ResnetDownsampleBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "ResnetUpsampleBlock2D"),
        "downsample_type": "resnet",
        "upsample_type": "resnet",
        "attn_norm_num_groups": 4,
    },
    "scale_shift without norm before attention": {**SMALL, "resnet_time_scale_shift": "scale_shift"},
    "no attention, no middle, mish, gray": {
        **PLAIN,
        "in_channels": 1,
        "out_channels": 1,
        "mid_block_type": None,
        "act_fn": "mish",
        "center_input_sample": True,
        "time_embedding_dim": 48,
    },
    "learned time, learned variance": {
        **PLAIN,
        "out_channels": 6,
        "time_embedding_type": "learned",
        "num_train_timesteps": 1000,
        "add_attention": False,
        "mid_block_scale_factor": 2**0.5,
        "dropout": 0.1,
    },
}


@pytest.fixture(scope="module")
def diffusers() -> Any:
    """diffusers with its U-Net, which does not need transformers but imports it (slowly) where it is installed."""
    flags = pytest.importorskip("diffusers.utils.import_utils", reason="diffusers is the oracle")
    flags._transformers_available = False
    return pytest.importorskip("diffusers")


def reference(diffusers: Any, name: str, seed: int = 0) -> Any:
    """diffusers' network with random weights; its norms are made random too, they start as identities."""
    torch.manual_seed(seed)
    network = diffusers.UNet2DModel(**CONFIGS[name]).eval()
    for key, value in network.named_parameters():
        if "norm" in key:
            value.data += 0.3 * torch.randn_like(value)
    return network


def inputs(name: str) -> tuple[torch.Tensor, ...]:
    config = CONFIGS[name]
    x = torch.randn(2, config.get("in_channels", 3), 32, 64, generator=torch.Generator().manual_seed(1))
    labels = (torch.tensor([1, 4]),) if "num_class_embeds" in config else ()
    return (x, torch.tensor([3, 871]), *labels)


def relative_error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("name", CONFIGS)
def test_equals_diffusers(diffusers: Any, name: str) -> None:
    theirs = reference(diffusers, name)
    ours = UNet2D(UNet2DConfig.from_mapping(dict(theirs.config))).eval()
    ours.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        assert relative_error(ours(*inputs(name)), theirs(*inputs(name)).sample) < 1e-5


@pytest.mark.parametrize("safe", [True, False])
@pytest.mark.parametrize("pipeline", ["DDPMPipeline", "DDIMPipeline", None])
def test_loads_a_saved_folder(diffusers: Any, tmp_path: Path, pipeline: str | None, safe: bool) -> None:
    theirs = reference(diffusers, "ddpm-cifar10-32")
    if pipeline:
        scheduler = getattr(diffusers, pipeline.replace("Pipeline", "Scheduler"))(
            num_train_timesteps=500, beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction"
        )
        getattr(diffusers, pipeline)(theirs, scheduler).save_pretrained(tmp_path / "faces", safe_serialization=safe)
    else:
        theirs.save_pretrained(tmp_path / "faces", safe_serialization=safe)
    denoiser = load_denoiser(tmp_path / "faces", device="cpu", precision="fp32")
    assert denoiser.spec.name == "faces"
    assert denoiser.spec.prediction == ("v_prediction" if pipeline else "epsilon")
    betas = NoiseSchedule("cosine", 500) if pipeline else NoiseSchedule()
    assert torch.equal(denoiser.network.alphas_cumprod, torch.from_numpy(betas.alphas_cumprod))
    file = next((tmp_path / "faces").rglob("diffusion_pytorch_model.*"))
    for again in (denoiser, load_denoiser(file, device="cpu", precision="fp32")):
        with torch.no_grad():
            ours = again.network(*inputs("ddpm-cifar10-32"))
            assert relative_error(ours, theirs(*inputs("ddpm-cifar10-32")).sample) < 1e-5


def test_denoiser_of_a_folder_is_the_formula_of_the_chain(diffusers: Any, tmp_path: Path) -> None:
    """x̂0 of the contract equals DDPM's own pred_original_sample at the matching timestep."""
    theirs = reference(diffusers, "ddpm-cifar10-32")
    scheduler = diffusers.DDPMScheduler(clip_sample=False)
    diffusers.DDPMPipeline(theirs, scheduler).save_pretrained(tmp_path)
    denoiser = load_denoiser(tmp_path, device="cpu", precision="fp32")
    time = 300
    alpha_bar = scheduler.alphas_cumprod[time]
    x = torch.randn(1, 3, 32, 32)
    picture = (x / alpha_bar.sqrt() + 1) / 2
    clean = denoiser(picture, Level(sigma=float(((1 - alpha_bar) / alpha_bar).sqrt() / 2)))
    with torch.no_grad():
        step = scheduler.step(theirs(x, time).sample, time, x)
    assert relative_error(clean, (step.pred_original_sample + 1) / 2) < 1e-5


def test_old_attention_names(diffusers: Any, tmp_path: Path) -> None:
    theirs = reference(diffusers, "ddpm-cifar10-32")
    theirs.save_pretrained(tmp_path / "old", safe_serialization=False)
    state = theirs.state_dict()
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        state = {key.replace(f".{new}.", f".{old}."): value for key, value in state.items()}
    assert sum(".proj_attn." in key for key in state) == 12
    torch.save(state, tmp_path / "old" / "diffusion_pytorch_model.bin")
    denoiser = load_denoiser(tmp_path / "old", device="cpu")
    with torch.no_grad():
        ours = denoiser.network(*inputs("ddpm-cifar10-32"))
        assert relative_error(ours, theirs(*inputs("ddpm-cifar10-32")).sample) < 1e-5


def write_folder(folder: Path, options: dict[str, Any], scheduler: dict[str, Any] | None = None) -> Path:
    """A folder as diffusers writes it, without diffusers."""
    network = UNet2D(UNet2DConfig.from_mapping({k: v for k, v in options.items() if k != "wrong"}))
    folder.mkdir()
    save_file(network.state_dict(), folder / "diffusion_pytorch_model.safetensors")
    (folder / "config.json").write_text(json.dumps({"_class_name": "UNet2DModel", **options}))
    if scheduler is not None:
        (folder / "scheduler_config.json").write_text(json.dumps(scheduler))
    return folder


def test_loads_without_diffusers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    denoiser = load_denoiser(write_folder(tmp_path / "net", PLAIN), device="cpu", precision="fp32")
    odd = torch.rand(1, 3, 33, 47)
    clean = denoiser(odd, Level(sigma=0.1))
    assert clean.shape == odd.shape and torch.isfinite(clean).all()
    assert denoiser.spec.multiple == 2 and denoiser.spec.global_statistics


def test_labels_without_a_null_label_cannot_be_left_out(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "digits", {**PLAIN, "num_class_embeds": 10})
    denoiser = load_denoiser(folder, device="cpu", precision="fp32")
    picture = torch.rand(1, 3, 16, 16)
    assert denoiser.spec.classes == 10 and not denoiser.spec.unconditional
    assert not torch.equal(
        denoiser(picture, Level(sigma=0.1, condition=0)), denoiser(picture, Level(sigma=0.1, condition=9))
    )
    with pytest.raises(DenoiseError, match="guidance.*impossible"):
        denoiser(picture, Level(sigma=0.1))
    with pytest.raises(DenoiseError, match="0 to 9"):
        denoiser(picture, Level(sigma=0.1, condition=10))


def test_variance_planes_are_left_out(tmp_path: Path) -> None:
    torch.manual_seed(0)
    denoiser = load_denoiser(write_folder(tmp_path / "net", {**PLAIN, "out_channels": 6}), device="cpu")
    assert denoiser(torch.rand(1, 3, 16, 16), Level(sigma=0.1)).shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"wrong": 1}, "wrong"),
        ({"time_embedding_type": "fourier"}, "time_embedding_type"),
        ({"class_embed_type": "identity"}, "class_embed_type"),
        ({"resnet_time_scale_shift": "spatial"}, "resnet_time_scale_shift"),
        ({"down_block_types": ["SkipDownBlock2D", "DownBlock2D"]}, "down_block_types"),
        ({"up_block_types": ["UpBlock2D"]}, "up_block_types"),
        ({"norm_num_groups": 24}, "norm_num_groups"),
        ({"act_fn": "snake"}, "act_fn"),
        ({"_class_name": "UNet2DConditionModel"}, "UNet2DConditionModel"),
        ({"time_embedding_type": "learned"}, "num_train_timesteps"),
        ({"class_embed_type": "timestep"}, "num_class_embeds"),
    ],
)
def test_unknown_options_are_named(tmp_path: Path, options: dict[str, Any], named: str) -> None:
    folder = write_folder(tmp_path / "net", PLAIN)
    (folder / "config.json").write_text(json.dumps({"_class_name": "UNet2DModel", **PLAIN, **options}))
    with pytest.raises(DenoiseError, match=named):
        load_denoiser(folder, device="cpu")


@pytest.mark.parametrize(
    ("scheduler", "named"),
    [
        ({"_class_name": "ScoreSdeVeScheduler", "sigma_min": 0.01}, "ScoreSdeVeScheduler"),
        ({"beta_schedule": "linear", "prediction_type": "flow"}, "prediction_type"),
        ({"beta_schedule": "linear", "rescale_betas_zero_snr": True}, "rescale_betas_zero_snr"),
        ({"beta_schedule": "sigmoid"}, "sigmoid"),
    ],
)
def test_unusable_chains_are_refused(tmp_path: Path, scheduler: dict[str, Any], named: str) -> None:
    with pytest.raises(DenoiseError, match=named):
        load_denoiser(write_folder(tmp_path / "net", PLAIN, scheduler), device="cpu")


def test_incomplete_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DenoiseError, match=r"config\.json"):
        load_denoiser(tmp_path / "empty")
    folder = write_folder(tmp_path / "net", PLAIN)
    (folder / "config.json").write_text("{")
    with pytest.raises(DenoiseError, match="JSON"):
        load_denoiser(folder)
    (folder / "config.json").unlink()
    with pytest.raises(DenoiseError, match=r"keep the config\.json"):
        load_denoiser(folder / "diffusion_pytorch_model.safetensors")
    folder = write_folder(tmp_path / "latent", {**PLAIN, "in_channels": 4, "out_channels": 4})
    with pytest.raises(DenoiseError, match="4 planes"):
        load_denoiser(folder)


def test_settings_survive_metadata(tmp_path: Path) -> None:
    config = UNet2DConfig.from_mapping({**SMALL, "num_class_embeds": 9, "null_class": True})
    again = UNet2DConfig.from_mapping(json.loads(config.to_json()))
    assert again == config and again.classes == 8
    torch.manual_seed(0)
    metadata = {"config": config.to_json(), "scheduler": json.dumps({"prediction_type": "v_prediction"})}
    save_file(UNet2D(config).state_dict(), tmp_path / "own.safetensors", metadata)
    denoiser = load_denoiser(tmp_path / "own.safetensors", device="cpu", precision="fp32")
    picture = torch.rand(1, 3, 16, 16)
    assert denoiser.spec.classes == 8 and denoiser.spec.prediction == "v_prediction"
    unconditional, first = (denoiser(picture, Level(sigma=0.3, condition=label)) for label in (None, 0))
    assert not torch.equal(unconditional, first)
