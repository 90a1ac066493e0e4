"""The command line: exit codes, one sentence for every mistake, and files that keep what they had."""

import json
import os
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pytest
import torch
from cli_calls import QUICK, complaint, picture
from PIL import Image
from realdenoise import cli
from realdenoise.cli import main
from realdenoise.imaging.files import save_picture

pytestmark = pytest.mark.usefixtures("in_tmp_path")


def levels(path: Path | str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


class TestDenoise:
    def test_a_file_becomes_a_cleaner_file(self):
        noisy = picture("a.png")
        assert main(["denoise", "a.png", "-o", "b.png", *QUICK]) == 0
        assert levels("b.png").shape == noisy.shape
        assert levels("b.png").std() < 0.8 * noisy.std()

    @pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
    def test_strength_zero_changes_nothing_at_all(self, mode):
        noisy = picture("a.png", mode=mode)
        assert main(["denoise", "a.png", "-o", "b.png", "--strength", "0", *QUICK]) == 0
        assert np.array_equal(levels("b.png"), noisy)

    def test_alpha_is_not_touched(self):
        noisy = picture("a.png", mode="RGBA")
        assert main(["denoise", "a.png", "-o", "b.png", *QUICK]) == 0
        assert np.array_equal(levels("b.png")[..., 3], noisy[..., 3])
        assert not np.array_equal(levels("b.png")[..., :3], noisy[..., :3])

    def test_a_folder_keeps_its_tree(self):
        picture("in/a.png", "in/deep/b.jpg", "in/deep/deeper/c.webp")
        Path("in/notes.txt").write_text("no picture")
        assert main(["denoise", "in", "-o", "out", *QUICK]) == 0
        made = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*") if path.is_file())
        assert made == ["a.png", "deep/b.jpg", "deep/deeper/c.webp"]

    def test_patterns_are_expanded(self):
        picture("a1.png", "a2.png", "b.png")
        assert main(["denoise", "a*.png", "-o", "out", *QUICK]) == 0
        assert sorted(path.name for path in Path("out").iterdir()) == ["a1.png", "a2.png"]

    def test_one_bad_file_does_not_stop_the_rest(self, capsys):
        picture("a.png", "c.png")
        Path("b.jpg").write_bytes(b"\xff\xd8\xff damaged")
        assert main(["denoise", "a.png", "b.jpg", "c.png", "-o", "out", *QUICK]) == 1
        assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "c.png"]
        out, err = capsys.readouterr()
        assert "2 of 3" in out and err.count("b.jpg") == 1 and "Traceback" not in err

    def test_nothing_is_overwritten_unless_asked(self, capsys):
        picture("a.png"), Path("b.png").write_bytes(b"precious")
        assert main(["denoise", "a.png", "-o", "b.png", *QUICK]) == 1
        assert "exists" in complaint(capsys)
        assert Path("b.png").read_bytes() == b"precious"
        assert main(["denoise", "a.png", "-o", "b.png", "--overwrite", *QUICK]) == 0
        assert levels("b.png").shape == (16, 20, 3)

    def test_in_place(self):
        noisy = picture("a.png")
        assert main(["denoise", "a.png", "-o", "a.png", "--overwrite", *QUICK]) == 0
        assert not np.array_equal(levels("a.png"), noisy)

    @pytest.mark.parametrize(
        "words, code, message",
        [
            (["none.png", "-o", "b.png"], 1, "none.png"),
            (["a.png", "-o", "b.gif"], 2, "put a / behind the name of a folder"),
            (["empty", "-o", "out"], 2, "no picture"),
            (["x/a.png", "y/a.png", "-o", "out"], 2, "several inputs would become"),
            (["x/a.png", "a.png", "-o", "b.txt"], 2, "is a file"),
            (["a.png", "-o", "b.png", "--denoiser", "nobody"], 1, "nobody"),
            (["a.png", "-o", "b.png", "--device", "cuda:99"], 1, "cuda:99"),
        ],
    )
    def test_mistakes_are_one_sentence(self, capsys, words, code, message):
        picture("a.png", "x/a.png", "y/a.png")
        Path("empty").mkdir()
        Path("b.txt").write_text("")
        extra = [] if "--denoiser" in words or "--device" in words else QUICK
        assert main(["denoise", *words, *extra]) == code
        assert message in complaint(capsys)

    @pytest.mark.parametrize(
        "words",
        [["--steps", "0"], ["--strength", "1.5"], ["--sigma", "-1"], ["--sigma", "nan"], ["--quality", "0"],
         ["--method", "magic"], ["--steps", "many"], ["--precision", "fp64"]],
    )  # fmt: skip
    def test_options_out_of_range_are_usage_errors(self, capsys, words):
        picture("a.png")
        assert main(["denoise", "a.png", "-o", "b.png", *words]) == 2
        assert words[0] in capsys.readouterr().err
        assert not Path("b.png").exists()

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
    def test_a_read_only_folder_is_named(self, capsys):
        picture("a.png"), Path("out").mkdir(0o500)
        assert main(["denoise", "a.png", "-o", "out", *QUICK]) == 1
        assert "Permission denied" in complaint(capsys)

    def test_a_file_in_the_way_of_the_folder_is_named(self, capsys):
        picture("a.png"), Path("out").write_text("")
        assert main(["denoise", "a.png", "-o", "out/sub/b.png", *QUICK]) == 1
        assert "out" in complaint(capsys)


class TestOtherCommands:
    def test_compare(self, capsys):
        picture("a.png")
        pixels = levels("a.png").copy()
        pixels[0, 0, 0] += 10
        Image.fromarray(pixels).save("b.png")
        assert main(["compare", "a.png", "a.png"]) == 0
        assert "identical" in capsys.readouterr().out
        assert main(["compare", "a.png", "b.png"]) == 0
        expected = 10 * np.log10(255**2 * pixels.size / 100)
        assert f"{expected:.2f} dB" in capsys.readouterr().out

    @pytest.mark.parametrize("brightest", [0.5, 4])
    def test_compare_sees_that_one_exr_is_twice_as_bright(self, capsys, brightest):
        """PSNR on the scale of the reference: divided by its maximum where that is above 1."""
        pytest.importorskip("av")
        pixels = np.random.default_rng(0).random((16, 20, 3), np.float32)
        pixels *= brightest / pixels.max()
        for name, factor in (("a.exr", 1), ("b.exr", 2)):
            save_picture(torch.from_numpy(pixels * factor), name)
        for reference, image, maximum in (("a.exr", "b.exr", brightest), ("b.exr", "a.exr", 2 * brightest)):
            expected = -10 * np.log10(np.mean((pixels / np.float64(max(1, maximum))) ** 2))  # they differ by `pixels`
            assert main(["compare", reference, image]) == 0
            assert f"PSNR {expected:.2f} dB" in capsys.readouterr().out
        assert main(["compare", "b.exr", "b.exr"]) == 0
        assert "identical" in capsys.readouterr().out

    def test_compare_needs_equal_sizes(self, capsys):
        picture("a.png")
        Image.new("RGB", (3, 3)).save("b.png")
        assert main(["compare", "a.png", "b.png"]) == 1
        assert "(1, 16, 20, 3)" in complaint(capsys)

    def test_list_names_the_bundled_and_the_classical(self, capsys):
        assert main(["list"]) == 0
        words = capsys.readouterr().out
        assert "interpolation_unet" in words and "nlm" in words

    def test_card(self, capsys):
        assert main(["card", "interpolation_unet"]) == 0
        assert "InterpolationUNet" in capsys.readouterr().out
        assert main(["card", "nobody"]) == 1
        assert "nobody" in complaint(capsys)

    def test_run_prints_what_nodes_say_and_save(self, capsys):
        picture("mine.png")
        prompt = {
            "1": {"class_type": "LoadImage", "inputs": {"image": "-"}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
            "3": {"class_type": "PreviewAny", "inputs": {"source": "hello"}, "_meta": {"title": "Words"}},
        }
        Path("w.json").write_text(json.dumps(prompt))
        assert main(["run", "w.json", "--input", "mine.png", "--output", "out", "--set", "Words.source=hi"]) == 0
        out = capsys.readouterr().out
        assert "'Words' (node 3): hi" in out and "x_00001_.png" in out
        assert np.array_equal(levels("out/x_00001_.png"), levels("mine.png"))

    @pytest.mark.parametrize(
        "content, words, message",
        [
            ("{}", [], "no ComfyUI workflow"),
            ('{"1": {"class_type": "KSampler", "inputs": {}}}', [], "KSampler"),
            ('{"1": {"class_type": "PreviewAny", "inputs": {}}}', [], "'source' is missing"),
            ('{"1": {"class_type": "PreviewAny", "inputs": {"source": 1}}}', ["--input", "a.png"], "Load Image"),
            ('{"1": {"class_type": "PreviewAny", "inputs": {"source": 1}}}', ["--set", "2.x=1"], "title nor id"),
        ],
    )
    def test_run_explains_itself(self, capsys, content, words, message):
        Path("w.json").write_text(content)
        Image.new("RGB", (4, 4)).save("a.png")
        assert main(["run", "w.json", *words]) == 1
        assert message in complaint(capsys)


class TestFrame:
    @pytest.mark.parametrize("words", [[], ["nonsense"], ["denoise"], ["denoise", "a.png"]])
    def test_wrong_usage(self, words):
        assert main(words) == 2

    @pytest.mark.parametrize("command", [name for _, name, _ in iter_modules(cli.__path__) if name[0] != "_"])
    def test_every_command_explains_itself(self, capsys, command):
        assert main([command, "--help"]) == 0
        assert command in capsys.readouterr().out

    def test_interruption_has_its_own_exit_code(self, monkeypatch):
        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        picture("a.png")
        monkeypatch.setattr("realdenoise.cli.denoise.open_denoiser", interrupted)
        assert main(["denoise", "a.png", "-o", "b.png"]) == 130
