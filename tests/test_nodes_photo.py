"""Load Photo and Save Photo: what comes in at 16 bits goes out at 16 bits."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from realdenoise.imaging.files import PictureInfo, load_picture, save_picture
from realdenoise.nodes import NODE_CLASS_MAPPINGS

LoadPhoto, SavePhoto = (NODE_CLASS_MAPPINGS[f"RealDenoise{name}"] for name in ("LoadPhoto", "SavePhoto"))


pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_deep_photo_comes_out_as_it_went_in(tmp_path, suffix, channels):
    pytest.importorskip("av")
    levels = np.random.default_rng(0).integers(0, 65536, (7, 9, channels)).astype(np.float32)
    photo = torch.from_numpy(levels / np.float32(65535))
    save_picture(photo, tmp_path / f"input/a{suffix}", PictureInfo(bits=16))
    image, info = LoadPhoto().load(f"a{suffix}")
    assert image.shape == (1, 7, 9, max(channels, 3))
    (files,) = SavePhoto().save(image, "sub/b", "like the photo", 95, info)["result"]
    assert files.endswith(f"b_00001_{suffix}")
    again, kept = load_picture(files)
    assert kept.bits == 16 and torch.equal(again[0], photo)


def test_saving_rounds_and_numbers(tmp_path):
    image = torch.full((2, 2, 2, 3), 254.6 / 255)
    answer = SavePhoto().save(image, "x", "like the photo", 95)
    SavePhoto().save(image[:1], "x", "JPEG", 95)
    assert sorted(path.name for path in (tmp_path / "output").iterdir()) == [
        "x_00001_.png",
        "x_00002_.png",
        "x_00003_.jpg",
    ]
    with Image.open(answer["result"][0].splitlines()[0]) as saved:
        assert saved.getpixel((0, 0)) == (255, 255, 255)


def test_a_photo_is_read_again_when_its_file_has_changed_and_only_then(tmp_path):
    """ComfyUI hands over every widget, and takes an error for 'changed'."""
    file = tmp_path / "input/a.png"
    save_picture(torch.zeros(2, 2, 3), file)
    first = LoadPhoto.IS_CHANGED(photo="a.png", raw="sRGB")
    assert LoadPhoto.IS_CHANGED(photo="a.png", raw="sRGB") == first
    save_picture(torch.rand(9, 9, 3), file)
    assert LoadPhoto.IS_CHANGED(photo="a.png", raw="sRGB") != first
    unknown, again = (LoadPhoto.IS_CHANGED(photo=None, raw="sRGB") for _ in range(2))  # a link: nobody knows which file
    assert math.isnan(unknown) and {unknown} != {again}, "ComfyUI's cache compares sets"


def test_a_photo_named_by_another_node_is_checked_when_it_is_there():
    assert LoadPhoto.VALIDATE_INPUTS(photo=None) is True
    assert "copy it there" in LoadPhoto.VALIDATE_INPUTS(photo="none.png")


@pytest.mark.parametrize("name", ["../secret.png", "none.png"])
def test_a_photo_must_be_in_the_input_folder(name):
    with pytest.raises((ValueError, OSError)):
        LoadPhoto().load(name)
    with pytest.raises(ValueError, match="leads out"):
        SavePhoto().save(torch.zeros(1, 2, 2, 3), "../out", "JPEG", 95)
