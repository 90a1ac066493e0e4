"""Names and files from strangers: workflows can be anyone's, so nodes reach nothing but the listed folders."""

import struct
import zlib

import pytest
import torch
from PIL import Image
from realdenoise import host
from realdenoise.imaging import metrics_lpips
from realdenoise.imaging.files import PictureError, inside, load_picture, save_picture
from realdenoise.imaging.level import DenoiseError
from realdenoise.models.loader import find_file
from realdenoise.nodes import NODE_CLASS_MAPPINGS

OUTSIDE = [
    *("../x.png", "..", "a/../../x.png", "a\\..\\..\\x.png", "..\\x.png", "a/.."),
    *("/etc/x.png", "\\x.png", "C:\\x.png", "C:x.png", "c:/x.png", "\\\\server\\share\\x.png", "//server/share/x.png"),
    "x\0.png",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_lead_out_of_a_folder_are_refused(tmp_path, name):
    with pytest.raises(PictureError, match="leads out of the folder"):
        inside(tmp_path, name)


@pytest.mark.parametrize("name", ["x.png", "a/b c/x.png", "..x.png", "x...png", "a.b/…/ñ.png"])
def test_names_inside_are_taken(tmp_path, name):
    assert inside(tmp_path, name) == tmp_path.resolve() / name


def test_links_that_the_user_placed_are_followed(tmp_path, monkeypatch):
    """A model folder on another disk, a picture linked into the input folder."""
    far = tmp_path / "far"
    far.mkdir()
    (far / "net.safetensors").write_bytes(find_file("interpolation_unet").read_bytes())
    save_picture(torch.zeros(2, 2, 3), far / "x.png")
    models = tmp_path / "models"
    models.mkdir()
    (models / "net.safetensors").symlink_to(far / "net.safetensors")
    (models / "x.png").symlink_to(far / "x.png")
    monkeypatch.setenv(host.MODELS_VARIABLE, str(models))
    assert host.denoiser_file("net.safetensors").is_file()
    assert load_picture(inside(models, "x.png"))[0].shape == (1, 2, 2, 3)


@pytest.mark.parametrize("name", OUTSIDE)
def test_nodes_refuse_such_names(name, tmp_path, monkeypatch):
    monkeypatch.setattr(host, "_plain_folders", {kind: tmp_path / kind for kind in ("input", "output", "temp")})
    monkeypatch.setenv(host.MODELS_VARIABLE, str(tmp_path))
    picture = torch.zeros(1, 2, 2, 3)
    load, save, photo = (NODE_CLASS_MAPPINGS[f"RealDenoise{n}"]() for n in ("LoadDenoiser", "SavePhoto", "LoadPhoto"))
    with pytest.raises(DenoiseError, match="not installed"):
        load.load(name, "fp32", "cpu", 0)
    with pytest.raises(DenoiseError, match="leads out"):
        save.save(picture, name, "JPEG", 95)
    monkeypatch.setattr(host, "is_hosted", lambda: True)
    monkeypatch.setattr(host, "folder", lambda kind: tmp_path)
    with pytest.raises(DenoiseError, match="leads out"):
        photo.load(name)
    assert list(tmp_path.rglob("*.jpg")) == []


def test_an_exr_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    pytest.importorskip("av")
    save_picture(torch.rand(40, 50, 3), tmp_path / "x.exr")
    load_picture(tmp_path / "x.exr")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    with pytest.raises(DenoiseError, match="million pixels"):
        load_picture(tmp_path / "x.exr")


def test_a_header_that_promises_more_than_there_is_allocates_nothing(tmp_path):
    """A PNG of a few bytes that says it is 60000×60000."""
    save_picture(torch.zeros(2, 2, 3), tmp_path / "x.png")
    content = bytearray((tmp_path / "x.png").read_bytes())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))  # of the header chunk
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(PictureError, match="million pixels"):
        load_picture(tmp_path / "x.png")


def test_lpips_downloads_nothing_by_itself(tmp_path, monkeypatch):
    pytest.importorskip("lpips")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    metrics_lpips._network.cache_clear()
    with pytest.raises(DenoiseError, match="fetch them once"):
        metrics_lpips.lpips(torch.zeros(1, 32, 32, 3), torch.zeros(1, 32, 32, 3))
