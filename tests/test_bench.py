"""The commands `bench` and `report`: files, numbers that survive them, and mistakes in one sentence."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from realdenoise.cli import main
from realdenoise.imaging.files import save_picture
from realdenoise.imaging.level import DenoiseError
from realdenoise.measurement.folder import read_folder
from realdenoise.measurement.page import page


@pytest.fixture(autouse=True)
def pictures(tmp_path, monkeypatch):
    """Two clean pictures and their noisy partners in the working folder."""
    monkeypatch.chdir(tmp_path)
    for index in range(2):
        y, x = np.mgrid[:40, : 50 + 2 * index]
        clean = np.stack([3 * x + y, 2 * y + 60, 120 + 30 * ((x + y) // 12 % 2)], -1).clip(0, 255).astype(np.uint8)
        noise = np.random.default_rng(index).normal(0, 10, clean.shape)
        for folder, levels in (("clean", clean), ("noisy", (clean + noise).round().clip(0, 255).astype(np.uint8))):
            Path(folder).mkdir(exist_ok=True)
            Image.fromarray(levels).save(f"{folder}/{index}.png")


BENCH = ["bench", "clean", "--denoiser", "heat", "--denoiser", "bilateral"]


def test_a_ranking_is_printed_and_everything_is_written(capsys):
    assert (
        main([*BENCH, "--noise", "gaussian: 10, 25; jpeg: 30", "--data-set", "mine", "-o", "out", "--examples", "1"])
        == 0
    )
    printed = capsys.readouterr().out
    assert printed.count("| heat |") == 1 + 3 and "- data set: mine" in printed
    content = json.loads(Path("out/benchmark.json").read_text(encoding="utf-8"))
    assert len(content["rows"]) == 2 * 3 * 2 and content["denoisers"]["heat"]["architecture"] == "Classical"
    with Path("out/benchmark.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 12
    written = {path.relative_to("out").as_posix() for path in Path("out").rglob("*.png")}
    assert {"ranking.png", "gaussian_psnr.png", "gaussian_ssim.png", "examples/sigma_10_0_clean.png"} <= written
    assert sum(name.startswith("examples/") for name in written) == 3 * 4 == len(content["examples"])
    assert not list(Path("out").rglob("*.part"))


def test_denoisers_are_called_by_their_labels(capsys):
    words = ["--denoiser", "weak = heat", "--denoiser", "heat", "--denoiser", "heat"]
    assert main(["bench", "clean", *words, "--noise", "gaussian: 25", "-o", "out"]) == 0
    table, _ = read_folder(Path("out"))
    assert table.denoisers() == ["weak", "heat", "heat (2)"]
    assert {model.weights for model in table.models.values()} == {"heat"}
    assert "| weak |" in capsys.readouterr().out


def test_the_same_noise_for_the_same_seed(capsys):
    outputs = []
    for seed in ("1", "1", "2"):
        assert main([*BENCH, "--noise", "gaussian: 25", "--seed", seed, "-o", seed]) == 0
        outputs.append([row["psnr"] for row in json.loads(Path(seed, "benchmark.json").read_text())["rows"]])
    assert outputs[0] == outputs[1] != outputs[2]


def test_real_pairs_and_the_first_of_them(capsys):
    assert main([*BENCH, "--noisy", "noisy", "--first", "1", "-o", "out"]) == 0
    table, examples = read_folder(Path("out"))
    assert table.cases() == [("as given", 0.0)] and {row.image for row in table.rows} == {"0"}
    clean, noisy = (np.asarray(Image.open(f"{name}/0.png"), np.float64) / 255 for name in ("clean", "noisy"))
    assert table.rows[0].noisy_psnr == pytest.approx(-10 * np.log10(np.mean((clean - noisy) ** 2)), abs=1e-4)
    assert [example.label for example in examples] == ["clean", "noisy", "heat", "bilateral"]


def test_the_partner_of_an_exr_keeps_its_brightness_beside_it(capsys):
    """The noisy one is 1.5 times as bright; both are measured on the scale of the clean one, whose maximum is 2."""
    pytest.importorskip("av")
    clean = np.linspace(0, 2, 40 * 50 * 3, dtype=np.float32).reshape(40, 50, 3)
    for name, factor in (("clean.exr", 1), ("noisy.exr", 1.5)):
        save_picture(torch.from_numpy(clean * np.float32(factor)), name)
    assert main(["bench", "clean.exr", "--noisy", "noisy.exr", "--denoiser", "heat", "-o", "out"]) == 0
    table, _ = read_folder(Path("out"))
    expected = -10 * np.log10(np.mean((0.5 * clean.astype(np.float64) / 2) ** 2))
    assert table.rows[0].noisy_psnr == pytest.approx(expected, abs=1e-4)


def test_pictures_of_one_name_stay_apart():
    Path("more").mkdir()
    Image.fromarray(np.full((30, 30, 3), 90, np.uint8)).save("more/0.tif")
    Image.fromarray(np.full((30, 30, 3), 90, np.uint8)).save("clean/0.tif")
    bench = ["--denoiser", "heat", "--noise", "gaussian: 25", "-o", "out"]
    for sources, names in ((["clean"], ["0.png", "0.tif", "1.png"]), (["clean/1.png", "more"], ["1", "0"])):
        assert main(["bench", *sources, *bench]) == 0
        rows = list(csv.DictReader(Path("out/benchmark.csv").read_text(encoding="utf-8").splitlines()))
        assert [row["image"] for row in rows] == names
    assert main(["bench", "clean/0.tif", "more/0.tif", *bench]) == 0
    assert "more/0.tif" in Path("out/benchmark.csv").read_text(encoding="utf-8")


def test_a_report_is_one_file_with_everything_inside(capsys):
    assert main([*BENCH, "--noise", "gaussian: 25", "--data-set", "<b>mine</b>", "-o", "out"]) == 0
    capsys.readouterr()
    assert main(["report", "out"]) == 0
    assert capsys.readouterr().out.strip() == str(Path("out/report.html"))
    text = Path("out/report.html").read_text(encoding="utf-8")
    assert "http" not in text and "<b>" not in text and "&lt;b&gt;mine" in text
    assert text.count("data:image/png;base64,") == 2 + 2 * 4  # a chart in light and dark, 4 crops of 2 pictures
    table, examples = read_folder(Path("out"))
    best = max(table.scores(), key=lambda score: score.psnr)
    assert f"<td class=best>{best.psnr:.2f}</td>" in text
    assert page(table, [(example, Path("out")) for example in examples]) == text


def test_a_report_joins_several_benchmarks(capsys):
    for name in ("heat", "bilateral"):
        assert main(["bench", "clean", "--denoiser", name, "--noise", "gaussian: 25", "-o", name]) == 0
    assert main(["report", "heat", "bilateral", "-o", "both.md"]) == 0
    assert main(["report", "heat", "bilateral", "-o", "both.html"]) == 0
    tables = Path("both.md").read_text(encoding="utf-8")
    assert tables.count("### σ 25") == 1 and "| heat |" in tables and "| bilateral |" in tables
    page_text = Path("both.html").read_text(encoding="utf-8")
    assert page_text.count("<figcaption>") == 2 * 4  # clean and noisy once, heat, bilateral; two pictures
    assert main(["bench", "clean", "--denoiser", "heat=bilateral", "--noise", "gaussian: 25", "-o", "other"]) == 0
    assert main(["report", "heat", "other", "-o", "both.html"]) == 0
    assert Path("both.html").read_text(encoding="utf-8").count("<figcaption>heat (2) ·") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["bench", "clean", "--denoiser", "heat", "--noise", "fog: 3"], 1, "unknown"),
        (["bench", "clean", "--denoiser", "nobody"], 1, "nobody"),
        (["bench", "clean"], 2, "--denoiser"),
        (["bench", "nowhere/*.png", "--denoiser", "heat"], 2, "no picture"),
        (["bench", "clean", "--denoiser", "heat", "--noisy", "noisy/0.png"], 2, "one noisy per clean"),
        (["bench", "clean", "--denoiser", "heat", "--first", "0"], 2, "not a whole number from 1 on"),
        (["bench", "clean", "--denoiser", "heat", "--border", "20"], 1, "border 20"),
        (["report", "clean"], 1, "realdenoise bench"),
    ],
)
def test_mistakes_are_named_in_one_sentence(arguments, code, problem, capsys):
    assert main(arguments) == code
    assert problem in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_broken_benchmark_is_refused():
    Path("out").mkdir()
    for text in ("{", "[]", '{"rows": [{}], "denoisers": {}, "examples": []}'):
        Path("out/benchmark.json").write_text(text)
        with pytest.raises(DenoiseError, match="no benchmark"):
            read_folder(Path("out"))
    example = {"case": "a", "image": "b", "label": "c", "psnr": 1, "file": "../../secret.png"}
    Path("out/benchmark.json").write_text(json.dumps({"rows": [], "denoisers": {}, "examples": [example]}))
    with pytest.raises(DenoiseError, match="outside"):
        read_folder(Path("out"))
