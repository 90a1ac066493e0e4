"""Learning from a teacher: its answers replace the clean picture where the noise is white, and nowhere else."""

import numpy as np
import pytest
import torch
from PIL import Image
from realdenoise.imaging.level import DenoiseError
from realdenoise.models.contract import Spec
from realdenoise.training.network import make_teacher
from realdenoise.training.objectives import Student, Teacher, objectives
from realdenoise.training.recipe import RecipeError
from realdenoise.training.run import train_from_folders
from realdenoise.training.samples import Batch
from realdenoise.training.validation import probes_from_pictures
from skimage import data
from tiny_training import recipe
from torch import nn

LONGER = {"schedule": {"steps": 100, "learning_rate": 5e-3}, "validation": {"every": 50, "pictures": 2, "crop": 64}}
NAN = float("nan")


class Told(nn.Module):
    """Answers with the sigma it was told, everywhere."""

    def forward(self, image: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return sigma.expand_as(image)


def teacher(share: float) -> Teacher:
    return Teacher(Told(), Spec("told", "Told", conditioning="sigma"), share)


def batch(sigma: list[float]) -> Batch:
    clean = torch.full((len(sigma), 3, 8, 8), 0.5)
    return Batch(clean + 0.2, clean, clean, torch.tensor(sigma))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_target_moves_towards_the_teacher_for_white_noise_alone(share):
    given = batch([0.1, NAN, 0.3])
    target = teacher(share).target(given.noisy, given.clean, given.sigma)
    expected = [0.5 + share * (0.1 - 0.5), 0.5, 0.5 + share * (0.3 - 0.5)]
    torch.testing.assert_close(target.mean(dim=(1, 2, 3)), torch.tensor(expected))
    assert torch.equal(given.clean, torch.full_like(given.clean, 0.5))  # the batch itself stays as it was
    unknown = batch([NAN, NAN])
    assert teacher(1.0).target(unknown.noisy, unknown.clean, unknown.sigma) is unknown.clean


def test_interpolation_tells_the_teacher_the_noise_that_is_left():
    seen: list[torch.Tensor] = []

    class Zero(nn.Module):
        def forward(self, image: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
            seen.append(alpha)
            return torch.zeros_like(image)

    student = Student(Zero(), Spec("zero", "Zero", conditioning="alpha"))
    given = batch([0.4] * 32)
    loss = objectives()["interpolation"](
        student, given, torch.manual_seed(3), full_share=0.5, norm="l1", teacher=teacher(1.0)
    )
    assert 0 < float((seen[0] < 1).float().mean()) < 1  # both kinds of samples were drawn
    assert float(loss) == pytest.approx(float((seen[0] * 0.4).mean()), rel=1e-5)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.fromarray(data.chelsea()[:96, 100:228]).save(tmp_path / "pictures" / "cat.png")
    return tmp_path


def test_a_student_learns_from_its_teacher_alone(root, tmp_path):
    plan = recipe(**LONGER, teacher="interpolation_unet", teacher_share=1.0)
    trained, _ = train_from_folders(plan, tmp_path / "out", root=root, precision="fp32")
    noisy = 20 * np.log10(255 / 25)
    assert trained.progress.best > noisy + 3.5


def test_a_teacher_that_cannot_be(root):
    with pytest.raises(RecipeError, match=r"'teacher' is for the objectives interpolation and regression"):
        recipe(objective="noise2noise", teacher="interpolation_unet")
    with pytest.raises(RecipeError, match=r"'teacher_share' must be between 0 and 1"):
        recipe(teacher_share=1.5)
    plan = recipe(teacher="nobody.safetensors")
    with pytest.raises(DenoiseError, match=r"nobody\.safetensors.*--teacher"):
        make_teacher(plan, root, torch.device("cpu"))


def test_validation_sees_the_kinds_the_recipe_names():
    kinds = [{"kind": "salt_and_pepper", "low": 10, "high": 10}, {"kind": "gaussian", "low": 50, "high": 50}]
    plan = recipe(validation={"crop": 64, "noise": kinds})
    white, impulses, strong = probes_from_pictures(plan, [data.chelsea()[:96, 100:196]])
    assert (white.sigma, impulses.sigma) == (25 / 255, None) and strong.sigma == pytest.approx(50 / 255)
    changed = (impulses.noisy != impulses.clean).float().mean()
    assert 0.06 < float(changed) < 0.11  # a tenth, but for pixels that were black or white before
    assert float((strong.noisy - strong.clean).std()) == pytest.approx(50 / 255, rel=0.03)
    again = probes_from_pictures(plan, [data.chelsea()[:96, 100:196]])
    assert torch.equal(again[1].noisy, impulses.noisy)
