"""Fine-tuning and adapters on pictures in memory: they help, never harm, stay small, and survive cancelling."""

import copy

import pytest
import torch
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.models.contract import Spec
from realdenoise.models.loader import find_file, load_denoiser, load_network
from realdenoise.models.lora import adapted, adapter_tensors, is_adapter_name, read_adapter, with_adapter
from realdenoise.models.network_denoiser import NetworkDenoiser
from realdenoise.models.networks.interpolation_unet import InterpolationUNet
from realdenoise.models.placement import PlainPlacement
from realdenoise.monitor import Monitor
from realdenoise.training.in_memory import Apprentice, Lesson, new_student, noise_range, objective_for
from realdenoise.training.objectives import Student
from realdenoise.training.recipe import RecipeError
from skimage import data

FLAGSHIP = "interpolation_unet"
IMPULSES = noise_range("random_impulse", 20, 20)


@pytest.fixture(scope="module")
def clean():
    return torch.from_numpy(data.chelsea()[None, 60:188, 100:228].astype("float32") / 255)


@pytest.fixture(scope="module")
def small():
    """A U-Net of random weights with the spec of its kind."""
    return new_student("InterpolationUNet", 0, {"width": 12, "blocks": (1, 1)})


@pytest.fixture(scope="module")
def taught(small):
    """The same with adapters whose B is no longer zero."""
    network = adapted(small.network, rank=4)
    with torch.no_grad():
        for number, (name, value) in enumerate(network.named_parameters()):
            if name.endswith(".up"):
                value.normal_(std=0.05, generator=torch.manual_seed(number))
    return network.eval()


def run(network, image):
    with torch.no_grad():
        return network.eval()(image, torch.full((len(image),), 0.7))


IMAGE = torch.rand(2, 3, 24, 20, generator=torch.manual_seed(1))


# ------------------------------------------------------------------------------------------------------------ adapters


def test_a_new_adapter_changes_nothing(small):
    assert torch.equal(run(adapted(small.network), IMAGE), run(small.network, IMAGE))


def test_only_the_adapter_has_gradients(small):
    network = adapted(small.network)
    learning = {name.rsplit(".", 1)[1] for name, p in network.named_parameters() if p.requires_grad}
    assert learning == {"up", "down"}
    assert all(p.requires_grad for p in small.network.parameters()), "the original was changed"


def test_merged_and_unmerged_agree(small, taught):
    merged = with_adapter(small.network, adapter_tensors(taught.state_dict()))
    assert (run(merged, IMAGE) - run(small.network, IMAGE)).abs().max() > 1e-3
    assert torch.allclose(run(merged, IMAGE), run(taught, IMAGE), atol=1e-6)
    assert merged.state_dict().keys() == small.network.state_dict().keys()


def test_strength_scales_the_correction_of_every_weight(small, taught):
    tensors, before = adapter_tensors(taught.state_dict()), small.network.state_dict()
    full, half = (with_adapter(small.network, tensors, s).state_dict() for s in (1.0, 0.5))
    changed = 0
    for key, weight in before.items():
        assert torch.allclose(half[key] - weight, (full[key] - weight) / 2, atol=1e-7), key
        changed += not torch.equal(full[key], weight)
    assert changed == len(tensors) // 2
    nothing = with_adapter(small.network, tensors, 0.0).state_dict()
    assert all(torch.equal(nothing[key], before[key]) for key in before)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, name: {**tensors, f"{name}.up": torch.zeros(len(tensors[f"{name}.up"]), 2)},
        lambda tensors, name: {**tensors, f"{name}.down": torch.zeros(4)},
        lambda tensors, name: {**tensors, f"{name}.up": torch.zeros(())},
        lambda tensors, name: {f"{name}.down": tensors[f"{name}.down"]},
        lambda tensors, name: {},
    ],
)
def test_broken_adapters_do_not_fit(small, taught, change):
    tensors = adapter_tensors(taught.state_dict())
    name = next(iter(tensors)).rpartition(".")[0]
    with pytest.raises(DenoiseError, match="does not fit"):
        with_adapter(small.network, change(tensors, name))


def test_what_cannot_be_adapted_says_so(small, taught):
    tensors = adapter_tensors(taught.state_dict())
    with pytest.raises(DenoiseError, match="does not fit"):
        with_adapter(InterpolationUNet(16, (1, 1)), tensors)
    with pytest.raises(DenoiseError, match="rank is 0"):
        adapted(small.network, rank=0)
    with pytest.raises(DenoiseError, match="no convolutions"):
        adapted(torch.nn.Linear(2, 2))
    with pytest.raises(DenoiseError, match="strength is nan"):
        with_adapter(small.network, tensors, float("nan"))


def test_names_of_adapters():
    assert is_adapter_name("sub/cats_lora.safetensors") and is_adapter_name("cats_lora_2.safetensors")
    assert not is_adapter_name("cats.safetensors") and not is_adapter_name("lora.safetensors.pth")


# --------------------------------------------------------------------------------------------------------- fine-tuning


def flagship() -> Student:
    return Student(*load_network(find_file(FLAGSHIP)))


def test_a_few_steps_of_an_adapter_help_the_flagship(clean, tmp_path):
    """Random impulses on one picture: the correction fits into a small file, and loading it gives the same network."""
    lesson = Lesson("cats", IMPULSES, minutes=0, steps=12, learning_rate=2e-3, crop=48, batch=2)
    run_ = Apprentice(lesson, flagship(), clean, adapter=True, precision="fp32")
    trained = run_.run()
    assert trained.progress.best > run_.before + 0.15
    file = tmp_path / "cats_lora.safetensors"
    run_.save(file)
    assert 100_000 < file.stat().st_size < 1_000_000
    with pytest.raises(DenoiseError, match="is an adapter"):
        load_denoiser(file)
    loaded = load_denoiser(FLAGSHIP, device="cpu", precision="fp32", adapter=file)
    plain = load_denoiser(FLAGSHIP, device="cpu", precision="fp32")
    nothing = load_denoiser(FLAGSHIP, device="cpu", precision="fp32", adapter=file, strength=0.0)
    network, spec = run_.network()
    image = clean.permute(0, 3, 1, 2)[..., :64, :64]
    expected = network(image, torch.ones(1)).detach()
    assert torch.allclose(loaded(image, Level(alpha=1.0)), expected, atol=1e-3)
    assert (loaded(image) - plain(image)).abs().max() > 1e-3
    assert torch.equal(nothing(image), plain(image))
    assert loaded.spec.name == f"{FLAGSHIP} + cats_lora" and spec.name == "cats"
    assert read_adapter(file)[1]["started from"] == FLAGSHIP


def test_other_files_are_no_adapters():
    with pytest.raises(DenoiseError, match="is no adapter"):
        load_denoiser(FLAGSHIP, adapter=find_file(FLAGSHIP))
    with pytest.raises(DenoiseError, match="is no file"):
        load_denoiser(FLAGSHIP, adapter="missing_lora.safetensors")
    with pytest.raises(DenoiseError, match="no weights that an adapter"):
        load_denoiser("bm3d", adapter="x_lora.safetensors")


def test_a_new_network_learns_and_loads_again(clean, tmp_path):
    student = new_student("DnCNN", 0, {"depth": 4, "width": 12})
    lesson = Lesson("new", noise_range("gaussian", 20, 30), minutes=0, steps=160, learning_rate=6e-3, crop=32)
    before = copy.deepcopy(student.network.state_dict())
    run_ = Apprentice(lesson, student, clean, precision="fp32")
    assert run_.run().progress.best > run_.before + 2
    assert all(torch.equal(before[key], value) for key, value in student.network.state_dict().items())
    run_.save(tmp_path / "new.safetensors")
    loaded = load_denoiser(tmp_path / "new.safetensors", device="cpu", precision="fp32")
    image = clean.permute(0, 3, 1, 2)[..., :40, :40]
    network, spec = run_.network()
    expected = NetworkDenoiser(network, spec, PlainPlacement(network, torch.device("cpu")), "fp32")(image)
    assert torch.allclose(loaded(image), expected, atol=2e-3)
    assert loaded.spec.card["data"] == "pictures given"


def test_a_harmful_lesson_leaves_the_network_as_it_was(clean, small):
    lesson = Lesson("bad", IMPULSES, minutes=0, steps=3, learning_rate=30.0, crop=32, batch=1)
    run_ = Apprentice(lesson, small, clean, precision="fp32")
    assert run_.run().progress.best == run_.before
    state = run_.network()[0].state_dict()
    assert all(torch.equal(state[key], value) for key, value in small.network.state_dict().items())


class CancelledError(Exception):
    pass


def test_cancelling_keeps_the_best_so_far(clean, tmp_path):
    def cancel():
        if run_.trainer.progress.step == 41:
            raise CancelledError

    lesson = Lesson("kept", noise_range("gaussian", 25, 25), minutes=5, learning_rate=3e-3, crop=32)
    run_ = Apprentice(lesson, new_student("DnCNN", 0, {"depth": 4, "width": 12}), clean, precision="fp32")
    with torch.inference_mode(), pytest.raises(CancelledError):
        run_.run(Monitor(check_cancel=cancel))
    run_.save(tmp_path / "kept.safetensors")
    assert len(run_.trainer.progress.rows) == 2 and run_.trainer.progress.best > run_.before
    assert load_denoiser(tmp_path / "kept.safetensors", device="cpu").spec.architecture == "DnCNN"


def test_networks_made_in_inference_mode_can_be_trained(clean):
    """ComfyUI loads and runs everything in that mode."""
    pairs = clean + 0.1 * torch.randn(clean.shape, generator=torch.manual_seed(0))
    with torch.inference_mode():
        for batch_norm in (False, True):
            options = {"depth": 4, "width": 8, "batch_norm": batch_norm}
            student = new_student("DnCNN", 0, options)
            student = Student(copy.deepcopy(student.network), student.spec)
            lesson = Lesson("x", None, minutes=0, steps=3, crop=32)
            for adapter in (False, True):
                run_ = Apprentice(lesson, student, clean * 1, pairs * 1, adapter=adapter, precision="fp32")
                assert run_.run().progress.step == 3
                run_.network()


def test_unusable_lessons_are_refused(clean, small):
    lesson = Lesson("x", IMPULSES, minutes=0, steps=1, crop=32)
    with pytest.raises(DenoiseError, match="same pictures in the same order"):
        Apprentice(lesson, small, clean, clean[:, :64])
    with pytest.raises(RecipeError, match="smaller than the crop"):
        Apprentice(lesson, small, clean[:, :20])
    with pytest.raises(RecipeError, match="has no length"):
        Apprentice(Lesson("x", IMPULSES, minutes=0), small, clean)


def test_wide_ranges_are_drawn_in_the_logarithm():
    assert noise_range("varied_camera", 200, 51200).logarithmic
    assert not noise_range("gaussian", 0, 60).logarithmic and not noise_range("gaussian", 5, 50).logarithmic


@pytest.mark.parametrize(("kind", "low", "high"), [("gaussian", 30, 20), ("jpeg", 0, 50), ("random_impulse", 0, 101)])
def test_ranges_of_noise_are_checked(kind, low, high):
    with pytest.raises(RecipeError, match="the noise range is"):
        noise_range(kind, low, high)


def test_every_kind_of_network_has_its_objective():
    kinds = {objective_for(Spec("x", a, conditioning=c)) for a, c in (("U", "alpha"), ("DenoisingVAE", "none"))}
    assert kinds == {"interpolation", "elbo"} and objective_for(Spec("x", "DnCNN")) == "regression"
