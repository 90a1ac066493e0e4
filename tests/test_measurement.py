"""Sweeps, tables, their texts and charts: numbers against direct computation, names that never clash, cancelling."""

import csv
import io
import json
import math
import threading
import time
from dataclasses import replace

import pytest
import torch
from realdenoise.imaging.complexity import spatial_information
from realdenoise.imaging.level import DenoiseError
from realdenoise.imaging.metrics import psnr, ssim
from realdenoise.imaging.metrics_report import Protocol
from realdenoise.imaging.noise import add_noise
from realdenoise.measurement import memory
from realdenoise.measurement.cases import Case, parse_amounts, parse_cases
from realdenoise.measurement.charts import ranking_chart, sweep_chart
from realdenoise.measurement.folder import Examples, read_folder, write_folder
from realdenoise.measurement.memory import PeakMemory
from realdenoise.measurement.published import published_psnr
from realdenoise.measurement.sweep import Picture, Setting, sweep
from realdenoise.measurement.table import DenoiseTable, Model, Row, join
from realdenoise.measurement.text import byte_words, overview, to_csv, to_json, to_markdown
from realdenoise.models.contract import Spec
from realdenoise.models.loader import load_denoiser
from realdenoise.monitor import Monitor


class Scales:
    """A denoiser that multiplies the picture, and remembers what it was told."""

    def __init__(self, factor=1.0, name="scales", conditioning="sigma"):
        self.spec = Spec(name=name, architecture="Scales", conditioning=conditioning)
        self.factor, self.told = factor, []

    def __call__(self, image, level=None, monitor=None):
        self.told.append(level.sigma)
        return image * self.factor


def pictures(count=2, side=24):
    random = torch.Generator().manual_seed(0)
    return [Picture(f"p{k}", torch.rand(1, side, side + 4 * k, 3, generator=random)) for k in range(count)]


CASES = [Case("gaussian", 25), Case("gaussian", 50)]


def test_a_row_holds_what_direct_computation_gives():
    clean = pictures(2)[1].clean
    row = sweep(Scales(0.9), pictures(2), CASES[:1], Setting(seed=7)).rows[1]
    noisy = add_noise(clean, "gaussian", 25 / 255, 7, first_frame=1)
    rounded = ((0.9 * noisy).clamp(0, 1) * 255).round() / 255
    assert row.psnr == pytest.approx(psnr(clean, rounded).item(), abs=1e-9)
    assert row.ssim == pytest.approx(ssim(clean, rounded).item(), abs=1e-9)
    assert row.noisy_psnr == pytest.approx(psnr(clean, noisy).item(), abs=1e-9)
    assert row.gain == pytest.approx(row.psnr - row.noisy_psnr)
    assert (row.megapixels, row.kind, row.amount) == (24 * 28 / 1e6, "gaussian", 25)


def test_the_noise_level_is_told_or_measured():
    knows, measures = Scales(), Scales()
    sweep(knows, pictures(1, 64), CASES)
    assert knows.told == pytest.approx([25 / 255, 50 / 255])
    sweep(measures, pictures(1, 64), CASES, Setting(tell_sigma=False))
    assert [float(sigma) for sigma in measures.told] != knows.told
    blind = Scales(conditioning="none")
    sweep(blind, pictures(1), [Case("jpeg", 20)])
    assert blind.told == [None]


def test_real_pairs_need_their_noisy_half():
    clean = pictures(1)[0].clean
    table = sweep(Scales(), [Picture("a", clean, clean + 0.1)], [])
    assert table.rows[0].noisy_psnr == pytest.approx(20, abs=1e-5) and table.rows[0].kind == "as given"
    with pytest.raises(DenoiseError, match="no noisy partner"):
        sweep(Scales(), pictures(1), [])
    with pytest.raises(DenoiseError, match="same size"):
        sweep(Scales(), [Picture("a", clean, clean[:, 1:])], [])


def test_progress_rises_to_one_and_every_picture_is_shown():
    seen = []
    sweep(Scales(), pictures(2), CASES, monitor=Monitor(lambda done, preview: seen.append(done)))
    assert seen == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_a_sweep_of_28_pictures_stops_within_a_second_of_being_cancelled():
    asked = threading.Event()

    def check():
        if asked.is_set():
            raise InterruptedError

    cases = [Case("gaussian", amount) for amount in (10, 15, 25, 35, 50, 60, 75)]
    denoiser = load_denoiser("interpolation_unet")
    threading.Timer(0.5, asked.set).start()
    started = time.perf_counter()
    with pytest.raises(InterruptedError):
        sweep(denoiser, pictures(4, 300), cases, monitor=Monitor(check_cancel=check))
    assert 0.5 <= time.perf_counter() - started < 1.5


def test_scores_are_means_and_ranked():
    tables = [sweep(Scales(factor, f"x{factor}"), pictures(2), CASES) for factor in (0.5, 1.0)]
    table = join(tables)
    score = table.scores()[0]
    rows = [row for row in table.rows if row.denoiser == score.denoiser and row.amount == 25]
    assert score.psnr == pytest.approx(sum(row.psnr for row in rows) / 2) and score.images == 2
    assert [s.denoiser for s in table.scores()][:2] == [name for name, _ in table.ranking()] == ["x1.0", "x0.5"]


def test_joining_tells_two_of_one_name_apart_but_not_two_parts_of_one_sweep():
    low, high = (sweep(Scales(), pictures(1), [case]) for case in CASES)
    assert join([low, high]).denoisers() == ["scales"]
    joined = join([low, low, high])
    assert joined.denoisers() == ["scales", "scales (2)"] and set(joined.models) == {"scales", "scales (2)"}
    both = join([low, joined])  # whose own 'scales (2)' stays a denoiser of its own
    assert both.denoisers() == ["scales", "scales (3)", "scales (2)"] and len(both.scores()) == len(both.rows)
    other = sweep(Scales(), pictures(1), [CASES[1]], Setting(seed=3))
    assert join([low, other]).settings["seed"] == "0 / 3"


def row(**changes):
    values = {"denoiser": "a", "kind": "gaussian", "amount": 25.0, "image": "i", "psnr": 30.0, "ssim": 0.9}
    values |= {"noisy_psnr": 20.0, "noisy_ssim": 0.4, "complexity": 50.0, "megapixels": 0.15, "seconds": 0.5}
    return Row(**(values | changes))


def whole_set(**changes):
    """A row for each of the 68 pictures of CBSD68."""
    return tuple(row(image=str(number), **changes) for number in range(68))


def test_json_is_strict_and_csv_has_every_row():
    table = DenoiseTable((row(), row(psnr=math.inf, image="j")), {"a": Model("DnCNN", 10, 40)}, {"seed": "0"})
    content = json.loads(to_json(table), parse_constant=pytest.fail)
    assert content["rows"][1]["psnr"] is None and content["scores"][0]["psnr"] == 30
    lines = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert len(lines) == 2 and lines[0]["gain"] == "10" and lines[0]["peak_bytes"] == ""


def test_no_cell_of_the_csv_is_a_formula():
    table = DenoiseTable((row(denoiser="=1+1", image="@a"), row(image="-b"), row(image="c=d")))
    cells = [(line["denoiser"], line["image"]) for line in csv.DictReader(io.StringIO(to_csv(table)))]
    assert cells == [("'=1+1", "'@a"), ("a", "'-b"), ("a", "c=d")]


def test_markdown_shows_the_published_number_where_there_is_one():
    models = {"dncnn_color_blind": Model("DnCNN", 668_227, 2_672_908)}
    table = DenoiseTable(whole_set(denoiser="dncnn_color_blind", psnr=31.22), models, {"data set": "CBSD68"})
    text = to_markdown(table)
    assert "| dncnn_color_blind | 31.22 | 31.24 | 0.9000 | +11.22 | 0.3 | – | 0.67 M | 2.7 MB |" in text
    assert "σ 25: noisy 20.00 dB" in text
    assert "Published" not in to_markdown(DenoiseTable(table.rows, models, {}))
    luma = {**table.settings, "measured on": "Y of BT.601, 8 bit"}
    assert "Published" not in to_markdown(DenoiseTable(table.rows, models, luma))
    alike = {**table.settings, "measured on": Protocol(0, False, eight_bit=True).name}
    assert "31.24" in to_markdown(DenoiseTable(table.rows, models, alike))
    assert "Published" not in to_markdown(DenoiseTable(table.rows[:20], models, table.settings))  # a part of the set


def test_an_overview_has_a_line_per_denoiser_and_a_column_per_noise():
    values = (("a", 15.0, 33.0), ("a", 25.0, 31.0), ("b", 25.0, 32.5))
    rows = sum((whole_set(denoiser=name, amount=amount, psnr=decibels) for name, amount, decibels in values), ())
    models = {"a": Model("FFDNet", 1, 4, "ffdnet_color"), "b": Model("Classical")}
    head, lines = overview(DenoiseTable(rows, models, {"data set": "CBSD68"}))
    assert head == ["Denoiser", "σ 15", "σ 25", "Published PSNR"]
    assert lines == [["b", "–", "32.50 / .9000", "–"], ["a", "33.00 / .9000", "31.00 / .9000", "33.87 / 31.21"]]
    assert [byte_words(size) for size in (2_672_908, 22e6, 1.24e9, math.nan)] == ["2.7 MB", "22 MB", "1.2 GB", "–"]
    assert "### PSNR (dB) / SSIM" in to_markdown(DenoiseTable(rows))
    assert "### PSNR (dB) / SSIM" not in to_markdown(DenoiseTable(rows[68:]))


def test_published_numbers_are_only_given_for_their_own_case():
    assert published_psnr("CBSD68", "ffdnet_color", "FFDNet", "gaussian", 15) == 33.87
    assert published_psnr("cbsd68", "bm3d", "Classical", "gaussian", 50) == 27.38
    assert published_psnr("CBSD68", "dncnn_color_sigma25", "DnCNN", "gaussian", 25) == 31.31
    for other in [("CBSD68", "ffdnet_color", "FFDNet", "gaussian", 20), ("mine", "ffdnet", "FFDNet", "gaussian", 25)]:
        assert published_psnr(*other) is None
    assert published_psnr("CBSD68", "ffdnet_color", "FFDNet", "jpeg", 15) is None
    for other in ("dncnn_color_sigma15", "dncnn_gray_blind", "dncnn_gray_sigma25"):
        assert published_psnr("CBSD68", other, "DnCNN", "gaussian", 25) is None


def test_an_input_without_noise_does_not_spoil_a_benchmark(tmp_path):
    exact = row(amount=0.0, noisy_psnr=math.inf, psnr=40.0)
    table = DenoiseTable((exact, row(), replace(exact, denoiser="b"), replace(exact, denoiser="c", psnr=math.inf)))
    assert table.ranking()[:2] == [("a", 10), ("c", 0)] and math.isnan(table.ranking()[2][1])
    assert "inf" not in to_markdown(table)
    write_folder(tmp_path, table)
    read = read_folder(tmp_path)[0].rows
    assert [(r.psnr, r.noisy_psnr) for r in read] == [(r.psnr, r.noisy_psnr) for r in table.rows]


def test_a_bar_in_a_name_does_not_break_a_table():
    assert "| a\\|b |" in to_markdown(DenoiseTable((row(denoiser="a|b"),)))


def test_examples_whose_names_look_alike_stay_apart(tmp_path):
    clean = torch.rand(1, 16, 16, 3)
    names = ("a b", "a_b", "A b", "x" * 300)
    examples = Examples(tmp_path, [Picture(name, clean) for name in names])
    for name in names:
        examples.keep(row(image=name, denoiser=f"{name}!"), clean, clean)
    files = [example.file for example in examples.found]
    assert len({file.lower() for file in files}) == 12 and all((tmp_path / file).is_file() for file in files)


def test_charts_of_tables():
    table = join(sweep(Scales(f, f"x{f}"), pictures(3), CASES) for f in (0.5, 1.0))
    assert sweep_chart(table, width=400, height=300).shape == (1, 300, 800, 3)
    cloud = sweep_chart(table, "image complexity", ("psnr",), width=400, height=300, dark=True)
    assert cloud.shape == (1, 300, 400, 3) and cloud.mean() < 0.3
    assert ranking_chart(table).shape[2] == 960
    common = (row(), row(denoiser="b", psnr=31.0))  # the only noise that both were measured on is the one to show
    more = (row(denoiser="b", amount=50.0), row(denoiser="b", amount=75.0))
    clouds = [sweep_chart(DenoiseTable(rows), "image complexity", ("psnr",)) for rows in (common, common + more)]
    assert torch.equal(*clouds)
    with pytest.raises(DenoiseError, match="no noise level in common"):
        sweep_chart(DenoiseTable((row(), *more)), "image complexity")
    with pytest.raises(DenoiseError, match="empty"):
        sweep_chart(DenoiseTable(()))
    with pytest.raises(DenoiseError, match="different kinds"):
        sweep_chart(DenoiseTable((row(), row(kind="jpeg"))))


def test_noise_is_read_from_text():
    assert parse_amounts("10, 25 50,") == [10, 25, 50]
    assert parse_cases("gaussian: 15, 25\njpeg: 20; gaussian: 15") == [
        *(Case("gaussian", 15), Case("gaussian", 25)),
        Case("jpeg", 20),
    ]
    for text, problem in {"": "no noise", "gaussian 15": "must name a kind", "fog: 1": "unknown"}.items():
        with pytest.raises(DenoiseError, match=problem):
            parse_cases(text)
    with pytest.raises(DenoiseError, match="must be numbers"):
        parse_cases("gaussian: many")
    with pytest.raises(DenoiseError, match="takes 0 to"):
        parse_cases("gaussian: -4")


def test_peak_memory_sees_a_large_tensor(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(memory, "_reset_peak", lambda: False)
        with PeakMemory() as unknown:
            pass
        assert math.isnan(unknown.bytes)
    with PeakMemory() as peak:
        big = torch.ones(40_000_000)
        del big
    if math.isnan(peak.bytes):
        pytest.skip("this system does not tell the peak memory of a process")
    assert 120e6 < peak.bytes < 400e6


def test_complexity_of_flat_and_striped_pictures():
    stripes = torch.zeros(1, 40, 40, 3)
    stripes[:, :, ::4] = 1
    stripes[:, :, 1::4] = 1
    flat = torch.full((1, 40, 40, 3), 0.3)
    assert spatial_information(flat).item() == pytest.approx(0, abs=1e-4)
    # Sobel sees ±4·255 on the two columns beside every edge of a stripe two pixels wide: |gradient| is 1020 all over
    assert spatial_information(stripes).item() == pytest.approx(0, abs=1)
    edge = torch.zeros(1, 42, 42, 1)
    edge[:, :, 21:] = 1  # 2 of 40 columns at 1020: std = 1020·sqrt(.05·.95)
    assert spatial_information(edge).item() == pytest.approx(1020 * math.sqrt(0.05 * 0.95), rel=1e-4)
