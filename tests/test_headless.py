"""ComfyUI's own nodes and whole workflow files, run without ComfyUI."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from realdenoise import host
from realdenoise.headless.core_nodes import LoadImage, PreviewAny, SaveImage, file_prefix
from realdenoise.headless.graph import WorkflowError
from realdenoise.headless.run import apply_setting, read_workflow, run_workflow
from small_nodes import api


@pytest.mark.usefixtures("own_folders")
class TestCoreNodes:
    def test_load_image_without_alpha_has_a_small_empty_mask(self, tmp_path):
        Image.new("RGB", (7, 5), (10, 20, 30)).save(tmp_path / "input/x.png")
        image, mask = LoadImage().load("x.png")
        assert image.shape == (1, 5, 7, 3)
        assert torch.equal(image[0, 0, 0], torch.tensor([10, 20, 30]) / 255)
        assert mask.shape == (1, 64, 64) and not mask.any()

    def test_load_image_inverts_alpha(self, tmp_path):
        Image.new("RGBA", (7, 5), (10, 20, 30, 51)).save(tmp_path / "input/x.png")
        image, mask = LoadImage().load("x.png")
        assert image.shape == (1, 5, 7, 3)
        assert mask.shape == (1, 5, 7) and mask.unique().tolist() == pytest.approx([0.8])

    def test_load_image_takes_all_frames_and_turns_them(self, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new("RGB", (7, 5)).save(tmp_path / "input/x.jpg", exif=exif)
        assert LoadImage().load("x.jpg")[0].shape == (1, 7, 5, 3)
        frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
        frames[0].save(tmp_path / "input/x.webp", save_all=True, append_images=frames[1:], lossless=True)
        assert LoadImage().load("x.webp")[0][:, 0, 0].tolist() == [[1, 0, 0], [0, 0, 1]]

    @pytest.mark.parametrize("name", ["../x.png", "none.png"])
    def test_load_image_stays_in_its_folder(self, tmp_path, name):
        Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
        with pytest.raises(ValueError, match="leads out|does not exist"):
            LoadImage().load(name)

    def test_save_image_truncates_numbers_and_describes(self, tmp_path):
        image = torch.full((2, 2, 3, 3), 0.9999)
        files = SaveImage().save(image, "sub/pic", prompt={"1": {}}, extra_pnginfo={"workflow": {"nodes": []}})
        again = SaveImage().save(image[:1], "sub/pic")
        names = [path.name for path in sorted((tmp_path / "output/sub").iterdir())]
        assert names == ["pic_00001_.png", "pic_00002_.png", "pic_00003_.png"]
        assert len(files["ui"]["files"]) == 2 and again["ui"]["files"][0].endswith("pic_00003_.png")
        with Image.open(tmp_path / "output/sub/pic_00001_.png") as saved:
            assert np.asarray(saved).max() == 254  # 0.9999·255 = 254.97, cut off as in ComfyUI
            assert json.loads(saved.text["prompt"]) == {"1": {}}
            assert json.loads(saved.text["workflow"]) == {"nodes": []}

    def test_numbers_in_the_name_do_not_replace_an_earlier_picture(self):
        first, again = (SaveImage().save(torch.zeros(2, 3, 3, 3), "p_%batch_num%")["ui"]["files"] for _ in range(2))
        assert not set(first) & set(again)

    def test_a_strange_digit_in_a_name_is_no_number(self, tmp_path):
        (tmp_path / "output").mkdir()
        (tmp_path / "output/pic_²_.png").write_bytes(b"")
        assert SaveImage().save(torch.zeros(1, 3, 3, 3), "pic")["ui"]["files"][0].endswith("pic_00001_.png")

    def test_save_image_stays_in_its_folder(self):
        with pytest.raises(ValueError, match="leads out"):
            SaveImage().save(torch.zeros(1, 2, 2, 3), "../out")

    def test_places_in_file_names_are_filled_in(self):
        assert file_prefix("%width%x%height%", 30, 20) == "30x20"
        year, month = file_prefix("%date:yyyy-MM%", 1, 1).split("-")
        assert (file_prefix("%year%", 1, 1), file_prefix("%month%", 1, 1)) == (year, month)

    def test_preview_any_writes_what_comfyui_writes(self):
        texts = [PreviewAny().show(value)["ui"]["text"][0] for value in ("a", 1, None, {"b": [1]})]
        assert texts == ["a", "1", "None", '{\n    "b": [\n        1\n    ]\n}']


class TestRun:
    def workflow(self, tmp_path, *, sample: bool) -> str:
        source = ("RealDenoiseSamplePhoto", {"picture": "cat", "iso": 0}) if sample else ("LoadImage", {"image": "-"})
        prompt = api(a=source, b=("SaveImage", {"images": ["a", 1 if sample else 0], "filename_prefix": "x"}))
        path = tmp_path / "w.json"
        path.write_text(json.dumps(prompt))
        return str(path)

    @pytest.mark.parametrize("sample", [True, False])
    def test_a_picture_takes_the_place_of_the_sample_or_of_load_image(self, tmp_path, sample):
        pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "mine.png")
        remarks = []
        run_workflow(
            self.workflow(tmp_path, sample=sample),
            picture=tmp_path / "mine.png",
            output=tmp_path / "out",
            remark=remarks.append,
        )
        assert host._plain_folders.get("output") != tmp_path / "out", "the next run must not save there"
        with Image.open(tmp_path / "out/x_00001_.png") as saved:
            assert np.array_equal(np.asarray(saved), pixels)
        assert len(remarks) == (1 if sample else 0)  # the clean twin was asked for, and there is none

    def test_settings_change_widgets_by_title_or_id(self):
        prompt = api(a=("LoadImage", {"image": "x"}), b=("SaveImage", {"images": ["a", 0], "filename_prefix": "p"}))
        prompt["b"]["_meta"] = {"title": "The end"}
        apply_setting(prompt, "The end.filename_prefix=a=b.c")
        apply_setting(prompt, "a.image=y.png")
        assert prompt["b"]["inputs"]["filename_prefix"] == "a=b.c"
        assert prompt["a"]["inputs"]["image"] == "y.png"
        apply_setting(prompt, "LoadImage.image=z.png")  # some files name no titles
        assert prompt["a"]["inputs"]["image"] == "z.png"

    @pytest.mark.parametrize(
        "setting, message",
        [
            ("nonsense", "must read"),
            ("Nobody.x=1", r"neither title nor id of a node; there are LoadImage \(a\), SaveImage \(b\)"),
            ("b.x=1", "has no 'x', only images, filename_prefix"),
            ("b.images=1", "is connected to another node"),
        ],
    )
    def test_settings_that_do_not_fit(self, setting, message):
        prompt = api(a=("LoadImage", {"image": "x"}), b=("SaveImage", {"images": ["a", 0], "filename_prefix": "p"}))
        with pytest.raises(WorkflowError, match=message):
            apply_setting(prompt, setting)

    @pytest.mark.parametrize("content, message", [("{", "is no JSON file"), ("[1]", "holds a list")])
    def test_files_that_are_no_workflow(self, tmp_path, content, message):
        (tmp_path / "w.json").write_text(content)
        with pytest.raises(WorkflowError, match=message):
            read_workflow(tmp_path / "w.json")
        with pytest.raises(WorkflowError, match="does not exist"):
            read_workflow(tmp_path / "none.json")
