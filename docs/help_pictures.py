"""Makes the pictures of the help pages, web/docs/pictures/<NodeId>.jpg, by running each node on a sample photograph.

Run from the repository: python docs/help_pictures.py [NodeId …]
A node without an entry in RECIPES gets the thumbnail of the first template that it is in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from help_pages import ROOT, load_pack, templates
from PIL import Image

NODES = load_pack().NODE_CLASS_MAPPINGS
TARGET = ROOT / "web" / "docs" / "pictures"
LONGEST, QUALITY = 720, 86
PLACE = (slice(None), slice(40, 200), slice(60, 276))
"""Eyes and nose of the cat."""
FRAME = 12
"""Of the sample clip: the disc is within PLACE."""

from realdenoise.host_video import clip_of  # noqa: E402  # only now there is a realdenoise
from realdenoise.imaging.charts import Series, line_chart  # noqa: E402
from realdenoise.imaging.labelled_grid import labelled_grid  # noqa: E402
from realdenoise.imaging.video_reader import read_video  # noqa: E402


def call(node: str, **given: Any) -> dict[str, Any]:
    """Run a node with its defaults; its outputs by name."""
    cls = NODES[f"RealDenoise{node}"]
    groups = cls.INPUT_TYPES()
    values = {}
    for name, entry in groups["required"].items():
        options = entry[1]
        choices = options.get("options", []) if isinstance(entry[0], str) else entry[0]
        if "default" in options or choices:
            values[name] = options.get("default", choices[0] if choices else None)
    answer = getattr(cls(), cls.FUNCTION)(**{**values, **given})
    outputs = answer["result"] if isinstance(answer, dict) else answer
    return dict(zip(cls.RETURN_NAMES, outputs, strict=True))


@cache
def noisy() -> torch.Tensor:
    return call("SamplePhoto", iso=6400)["noisy"][PLACE].contiguous()


@cache
def clean() -> torch.Tensor:
    return call("SamplePhoto", iso=0)["clean"][PLACE].contiguous()


@cache
def white(sigma: float = 25.0) -> torch.Tensor:
    """The clean crop with white noise."""
    return call("AddNoise", image=clean(), amount=sigma)["image"].clamp(0, 1)


@cache
def network(name: str = "interpolation_unet") -> Any:
    return call("LoadDenoiser", denoiser=name, precision="fp32")["denoiser"]


def filtered(method: str = "Non-local means") -> Any:
    return call("ClassicalDenoiser", method=method)["denoiser"]


def run(denoiser: Any, image: torch.Tensor | None = None, **settings: Any) -> torch.Tensor:
    return call("DenoiseImage", denoiser=denoiser, image=noisy() if image is None else image, **settings)["image"]


def row(**pictures: torch.Tensor) -> torch.Tensor:
    """Pictures beside each other; '_' in a name stands for a blank."""
    labels = [name.replace("_", " ") for name in pictures]
    return labelled_grid([p[:1, ..., :3] for p in pictures.values()], labels, columns=len(pictures))


def scheduler_chart(node: str, **settings: Any) -> Callable[[], torch.Tensor]:
    return lambda: call(node, **settings)["chart"]


@cache
def begun() -> Any:
    scheduler = call("DDIMScheduler", steps=6)["scheduler"]
    return call("StartDenoising", scheduler=scheduler, image=white(), sigma=25.0)["state"]


def walk() -> torch.Tensor:
    return call("SampleLoop", denoiser=network(), state=begun(), keep_every=1)["trajectory"]


def predicted() -> torch.Tensor:
    said = call("PredictClean", denoiser=network(), state=begun())
    return row(clean=said["clean"], noise=said["noise"], score=said["score"])


def stepped() -> torch.Tensor:
    estimate = call("PredictClean", denoiser=network(), state=begun())["clean"]
    step = call("SchedulerStep", state=begun(), clean=estimate)
    return row(before=white(), clean_estimate=estimate, after_one_step=step["image"])


def with_prior() -> torch.Tensor:
    said = call("DenoiseWithPrior", denoiser=network("prior_unet2d"), image=white(), sigma=25.0, runs=3, steps=4)
    return row(noisy=white(), mean_of_three_runs=said["image"], one_run=said["one_run"], spread=said["spread"])


def controlled() -> torch.Tensor:
    whole = run(network())
    half = call("DenoiseControl", noisy=noisy(), denoised=whole, luma=0.5)["image"]
    return row(noisy=noisy(), luma_half_chroma_whole=half, all_of_it=whole)


def kinds_of_noise() -> torch.Tensor:
    kinds = {"gaussian": 25.0, "poisson_gaussian": 35.0, "salt_and_pepper": 10.0, "jpeg": 15.0}
    ranges = {
        kind: call("AddNoise", image=clean(), kind=kind, amount=amount)["image"] for kind, amount in kinds.items()
    }
    return row(**ranges)


def stabilised() -> torch.Tensor:
    grainy = call("AddNoise", image=clean(), kind="poisson_gaussian", amount=35.0)["image"].clamp(0, 1)
    wrapped = call("VarianceStabilise", denoiser=filtered())["denoiser"]
    return row(shot_noise=grainy, filter_alone=run(filtered(), grainy), stabilised=run(wrapped, grainy))


def meter() -> torch.Tensor:
    said = call("PSNRMeter", reference=clean(), image=run(network()), noisy=noisy())
    return row(picture=run(network()), error_map=said["error_map"], difference=said["difference"])


def depth() -> torch.Tensor:
    """Deep shadows, lightened 24 times: in 8 bits there are but a few levels left."""
    shadows = clean() / 24
    return row(eight_bits_lightened=(shadows * 255).round() / 255 * 24, sixteen_bits_lightened=shadows * 24)


def sampled() -> torch.Tensor:
    path = call("RealWorldInterpolationSampler", denoiser=network(), image=noisy(), trajectory="every step")[
        "trajectory"
    ]
    middle = len(path) // 2
    return row(noisy=path[:1], half_way=path[middle : middle + 1], clean=path[-1:])


def quantised() -> torch.Tensor:
    small = call("QuantiseDenoiser", denoiser=network(), weights="int8", clean=clean())["denoiser"]
    return row(noisy=noisy(), float32=run(network()), int8=run(small))


def doubt() -> torch.Tensor:
    said = call("UncertaintyMap", denoiser=network(), image=noisy(), gain=20.0)
    return row(noisy=noisy(), mean=said["image"], uncertainty=said["uncertainty"])


def damage() -> torch.Tensor:
    said = call("DamageMask", image=clean())
    return row(damaged=said["image"], mask=said["mask"][..., None].expand(-1, -1, -1, 3))


def ensemble() -> torch.Tensor:
    both = call("Ensemble", first=network(), second=filtered(), first_weight=3.0)["denoiser"]
    return row(network=run(network()), filter=run(filtered()), three_to_one=run(both))


@cache
def clip() -> dict[str, Any]:
    return call("SampleClip")


@cache
def steadied(temporal: float) -> Any:
    return call("DenoiseVideo", denoiser=network(), video=clip()["noisy"], temporal=temporal)["video"]


def frames(video: Any) -> list[torch.Tensor]:
    return [frame[PLACE] for frame in read_video(clip_of(video))]


def sample_clip() -> torch.Tensor:
    shown = [frames(clip()[twin])[number] for twin in ("noisy", "clean") for number in (4, 8, FRAME)]
    return labelled_grid(shown, [f"{twin}, frame {n}" for twin in ("noisy", "clean") for n in (5, 9, FRAME + 1)], 3)


def video() -> torch.Tensor:
    """Above a frame, below by how much its error differs from that of the frame before."""
    truth = frames(clip()["clean"])
    shown, changes = {}, {}
    for name, kind in (("noisy", clip()["noisy"]), ("temporal 0", steadied(0.0)), ("temporal 0.75", steadied(0.75))):
        now = frames(kind)
        errors = [now[number] - truth[number] for number in (FRAME - 1, FRAME)]
        shown[name], changes[f"flicker × 8, {name}"] = now[FRAME], (8 * (errors[1] - errors[0])).abs().clamp(0, 1)
    return labelled_grid([*shown.values(), *changes.values()], [*shown, *changes], 3)


def video_meter() -> torch.Tensor:
    """What the node measures at several settings of Denoise Video."""
    strengths = (0.0, 0.3, 0.6, 0.9)
    truth = clip()["clean"]
    noisy_one = call("VideoMeter", video=clip()["noisy"], reference=truth)["flicker"]
    found = [call("VideoMeter", video=steadied(t), reference=truth)["flicker"] for t in strengths]
    return line_chart(
        [Series("denoised", strengths, found), Series("noisy", strengths, [noisy_one] * 4, style="reference")],
        title="Flicker of the sample clip",
        x_label="temporal of Denoise Video",
        y_label="flicker, 0–255 scale",
        width=720,
        height=400,
        dark=True,
        x_ticks=strengths,
        y_range=(0.0, 1.1 * noisy_one),
    )


RECIPES: dict[str, Callable[[], torch.Tensor]] = {
    "AddNoise": kinds_of_noise,
    "AutoTune": lambda: call("AutoTune", denoiser=filtered(), image=white(), candidates=5)["chart"],
    "ClassicalDenoiser": lambda: row(
        noisy=noisy(), non_local_means=run(filtered()), total_variation=run(filtered("Total variation"))
    ),
    "Compare": lambda: call("Compare", before=noisy(), after=run(network()))["side_by_side"],
    "CompareCrops": lambda: call("CompareCrops", image_1=noisy(), image_2=run(network()), reference=clean(), side=80)[
        "crops"
    ],
    "DDIMScheduler": scheduler_chart("DDIMScheduler"),
    "DDPMScheduler": scheduler_chart("DDPMScheduler"),
    "DamageMask": damage,
    "DenoiseControl": controlled,
    "DenoiseImage": lambda: row(noisy=noisy(), strength_half=run(network(), strength=0.5), clean=run(network())),
    "DenoiseVideo": video,
    "DenoiseWithPrior": with_prior,
    "EDMScheduler": scheduler_chart("EDMScheduler"),
    "Ensemble": ensemble,
    "EstimateNoise": lambda: row(picture=noisy(), where_the_noise_is=call("EstimateNoise", image=noisy())["map_view"]),
    "HeatScheduler": scheduler_chart("HeatScheduler"),
    "InterpolationScheduler": scheduler_chart("InterpolationScheduler"),
    "LangevinScheduler": scheduler_chart("LangevinScheduler"),
    "LoadDenoiser": lambda: row(noisy=noisy(), interpolation_unet=run(network())),
    "LoadPhoto": depth,
    "PSNRMeter": meter,
    "PredictClean": predicted,
    "QuantiseDenoiser": quantised,
    "RealWorldInterpolationSampler": sampled,
    "ResidualInspector": lambda: call("ResidualInspector", noisy=noisy(), denoised=run(network()))["sheet"],
    "SampleLoop": lambda: call("TrajectoryStrip", images=walk(), reference=clean(), side=180)["strip"],
    "SampleClip": sample_clip,
    "SamplePhoto": lambda: row(noisy=noisy(), clean=clean()),
    "SavePhoto": depth,
    "SchedulerStep": stepped,
    "SeamInspector": lambda: call("SeamInspector", denoiser=network(), image=noisy(), crop=160)["sheet"],
    "SelfEnsemble": lambda: row(
        noisy=noisy(), once=run(network()), eight_times=run(call("SelfEnsemble", denoiser=network())["denoiser"])
    ),
    "StartDenoising": lambda: row(
        the_picture=clean(), where_sigma_25_enters=white(), where_sigma_75_enters=white(75.0)
    ),
    "TrajectoryStrip": lambda: call("TrajectoryStrip", images=walk(), reference=clean(), columns=4, side=180)["strip"],
    "UncertaintyMap": doubt,
    "VarianceStabilise": stabilised,
    "VideoMeter": video_meter,
    "ZeroShot": lambda: row(
        noisy=white(), learnt_from_itself=run(call("ZeroShot", iterations=300)["denoiser"], white())
    ),
}


def picture(node_id: str, used: dict[str, list[str]]) -> Image.Image:
    """What the page shows, no side longer than LONGEST."""
    recipe = RECIPES.get(node_id.removeprefix("RealDenoise"))
    if recipe is None:
        shown = Image.open(ROOT / "workflows" / f"{used[node_id][0]}.jpg").convert("RGB")
    else:
        shown = Image.fromarray((recipe()[0, ..., :3].clamp(0, 1) * 255).round().byte().numpy())
    shown.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return shown


def main() -> None:
    """Write the pictures of the named nodes, or of all."""
    torch.set_grad_enabled(False)
    TARGET.mkdir(exist_ok=True)
    used = templates()
    for node_id in sys.argv[1:] or NODES:
        picture(node_id, used).save(TARGET / f"{node_id}.jpg", quality=QUALITY, optimize=True)
        sys.stdout.write(f"{node_id}\n")


if __name__ == "__main__":
    main()
