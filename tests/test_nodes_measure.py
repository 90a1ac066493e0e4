"""The measuring nodes: sweeps and charts, benchmark, inspectors, crops and strips."""

import csv
import io
import json
from dataclasses import replace

import pytest
import torch
from realdenoise.imaging.colour_map import heat
from realdenoise.imaging.compare import (
    busiest_window,
    crop_window,
    error_map,
    error_scale,
    same_crops,
    signed_difference,
)
from realdenoise.imaging.labelled_grid import GAP, labelled_grid
from realdenoise.imaging.level import DenoiseError, Level
from realdenoise.measurement.seams import compare_tiles
from realdenoise.measurement.table import DenoiseTable
from realdenoise.models.contract import Spec
from realdenoise.models.loader import load_denoiser
from realdenoise.nodes.compare import Compare
from realdenoise.nodes.inspect_crops import CompareCrops
from realdenoise.nodes.inspect_residual import ResidualInspector
from realdenoise.nodes.inspect_seams import SeamInspector
from realdenoise.nodes.inspect_trajectory import TrajectoryStrip
from realdenoise.nodes.measure_benchmark import BenchmarkDenoisers
from realdenoise.nodes.measure_sweep import NoiseLevelSweep, SweepChart
from realdenoise.nodes.meter import PSNRMeter


class Factor:
    """A denoiser that multiplies the picture."""

    def __init__(self, factor):
        self.factor, self.spec = factor, Spec(f"x{factor}", "Factor", conditioning="sigma")

    def __call__(self, image, level=Level(), monitor=None):
        return image * self.factor


def photos(count=2, height=40, width=48, channels=3):
    return torch.rand(count, height, width, channels, generator=torch.Generator().manual_seed(0))


SWEEP = {"kind": "gaussian", "levels": "10, 50", "seed": 0, "tell_sigma": True}
DRAW = {"against": "noise level", "metric": "PSNR", "width": 640, "height": 360, "dark": False}


def test_a_sweep_fills_a_table_and_a_chart_joins_several():
    tables = []
    for factor in (1.0, 0.8):
        table, pictures, report = NoiseLevelSweep().sweep(Factor(factor), photos(), **SWEEP)["result"]
        assert len(table.rows) == 4 and pictures.shape[2] == 2 * 48 + 3 * GAP and "σ 50" in report
        tables.append(table)
    answer = SweepChart().draw(tables[0], **DRAW, table_2=tables[1], table_8=tables[0])
    chart, joined, text, report = answer["result"]
    assert chart.shape == (1, 360, 640, 3)
    assert joined.denoisers() == ["x1.0", "x0.8", "x1.0 (2)"]
    assert len(list(csv.DictReader(io.StringIO(text)))) == 12 and report.count("### σ") == 2
    with pytest.raises(TypeError, match="Noise Level Sweep"):
        SweepChart().draw("table", **DRAW)


def test_the_same_sweep_twice_gives_the_same_numbers():
    first, second = (NoiseLevelSweep().sweep(Factor(0.9), photos(), **SWEEP)["result"][0] for _ in range(2))
    assert [row.psnr for row in first.rows] == [row.psnr for row in second.rows]
    other = NoiseLevelSweep().sweep(Factor(0.9), photos(), **{**SWEEP, "seed": 1})["result"][0]
    assert first.rows[0].psnr != other.rows[0].psnr


def test_a_benchmark_ranks_and_writes_every_format():
    settings = {"noise": "gaussian: 25\njpeg: 20", "data_set": "mine", "seed": 0, "tell_sigma": True, "dark": True}
    answer = BenchmarkDenoisers().benchmark(photos(), Factor(0.5), **settings, denoiser_3=Factor(1.0))
    chart, ranking, table, text, content = answer["result"]
    assert [name for name, _ in table.ranking()] == ["x1.0", "x0.5"] and chart.mean() < 0.3
    assert "- data set: mine" in ranking and json.loads(content)["settings"]["data set"] == "mine"
    assert len(text.splitlines()) == 1 + 8


def test_a_benchmark_of_real_pairs():
    settings = {"noise": "", "data_set": "", "seed": 0, "tell_sigma": True, "dark": False}
    clean = photos()
    table = BenchmarkDenoisers().benchmark(clean, Factor(1.0), **settings, noisy=clean + 0.1)["result"][2]
    assert table.rows[0].noisy_psnr == pytest.approx(20, abs=1e-4) and table.cases() == [("as given", 0.0)]
    with pytest.raises(ValueError, match="give pairs"):
        BenchmarkDenoisers().benchmark(clean, Factor(1.0), **settings, noisy=clean[:1])


def test_the_meter_hands_out_everything():
    clean = photos(2, 170, 180)
    noisy = clean + 0.2
    answer = PSNRMeter().measure(clean, clean + 0.1, noisy, border=4)
    named = dict(zip(PSNRMeter.RETURN_NAMES, answer["result"], strict=True))
    assert named["gain"] == pytest.approx(6.02, abs=0.01) and named["mae"] == pytest.approx(25.5, abs=1e-3)
    assert 0 < named["ms_ssim"] < 1 and "border 4 px" in named["report"]
    assert named["error_map"].shape == named["difference"].shape == (2, 170, 180, 3)
    assert "better" in named["verdict"] and len(named["csv"].splitlines()) == 3
    assert "worst" in named["report"]


def test_the_residual_inspector_tells_noise_from_picture():
    y, x = torch.meshgrid(torch.linspace(0, 1, 128), torch.linspace(0, 1, 160), indexing="ij")
    clean = (0.3 + 0.4 * (((x - 0.5) ** 2 + (y - 0.5) ** 2).sqrt() * 12).floor() % 2)[None, ..., None].expand(
        2, -1, -1, 3
    )
    noise = 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool2d((clean + noise).permute(0, 3, 1, 2), 5, 1, 2).permute(0, 2, 3, 1)
    settings = {"gain": 0.0, "dark": True}
    pure = ResidualInspector().inspect(clean + noise, clean, **settings)["result"]
    blurred = ResidualInspector().inspect(clean + noise, smooth, **settings)["result"]
    assert pure[3] < 0.03 and "only noise" in pure[4] and "(white)" in pure[4]
    assert blurred[3] > 0.1 and "picture was removed" in blurred[4]
    assert pure[0].shape == clean.shape and pure[0].std() == pytest.approx(
        1 / 6, rel=0.05
    )  # three deviations fill half


def test_seams_show_when_the_halo_is_too_small():
    denoiser = load_denoiser("interpolation_unet", precision="fp32")
    image = photos(1, 160, 192).permute(0, 3, 1, 2)
    careless = denoiser.reading(replace(denoiser.spec, halo=0))
    report = compare_tiles(careless, image, tile=64)
    assert report.tiles == 9 and report.error.max() > 1e-3 and "seams are possible" in report.verdict()
    near, far = report.error[report.seams].mean(), report.error[~report.seams].mean()
    assert near > 2 * far


def test_tiles_are_those_of_the_denoiser_unless_told():
    denoiser = load_denoiser("interpolation_unet", precision="fp32")
    image = photos(1, 128, 192).permute(0, 3, 1, 2)
    assert compare_tiles(denoiser.tiled(96), image).side == 96
    assert denoiser.spec.multiple == 8 and compare_tiles(denoiser, image, tile=97).side == 104, "of a tile as it was"
    assert compare_tiles(denoiser, image).side == 64 and compare_tiles(denoiser.tiled(96), image, tile=128).side == 128


def test_the_seam_inspector_on_a_filter_and_on_a_network():
    settings = {"sigma": 25.0, "tile": 64, "crop": 128, "x": 0.5, "y": 0.5, "error_scale": 0.5}
    heat_map, largest, report, sheet = SeamInspector().inspect(Factor(0.9), photos(1, 200, 150), **settings)["result"]
    assert largest == 0 and "one tile" in report and heat_map.shape == (1, 128, 128, 3)
    denoiser = load_denoiser("interpolation_unet", precision="fp32")
    _, largest, report, _ = SeamInspector().inspect(denoiser, photos(1, 200, 150), **settings)["result"]
    assert largest < 0.0255 and "4 tiles" in report and "make the crop larger" in report


STRIP = {"show": "grid", "every": 2, "columns": 0, "side": 320, "label": "t={n}", "speed": 4.0, "dark": True}


def test_a_strip_has_the_first_and_last_step_and_their_psnr():
    steps = torch.stack([torch.full((30, 20, 3), 0.5 + 0.1 * k) for k in (4, 3, 2, 1)])
    strip, small, report = TrajectoryStrip().join(steps, **STRIP, reference=torch.full((1, 30, 20, 3), 0.5))["result"]
    assert report.splitlines() == ["t=0 · 7.96 dB", "t=2 · 13.98 dB", "t=3 · 20.00 dB"]
    assert small.shape == (3, 30, 20, 3) and strip.shape[2] == 3 * 20 + 4 * GAP
    gray = torch.full((1, 30, 20, 1), 0.5)
    for pictures, reference in ((steps[..., :1], gray.expand(1, 30, 20, 3)), (steps, gray)):
        assert TrajectoryStrip().join(pictures, **STRIP, reference=reference)["result"][2] == report
    with pytest.raises(DenoiseError, match="at their size"):
        TrajectoryStrip().join(steps, **STRIP, reference=torch.zeros(1, 31, 20, 3))
    with pytest.raises(DenoiseError, match="2 pictures and images 4"):
        TrajectoryStrip().join(steps, **STRIP, reference=gray.expand(2, 30, 20, 3))
    paired = TrajectoryStrip().join(
        steps, **STRIP, reference=steps + torch.tensor([0.1, 1, 0.01, 0.001])[:, None, None, None]
    )
    assert paired["result"][2].splitlines() == ["t=0 · 20.00 dB", "t=2 · 40.00 dB", "t=3 · 60.00 dB"]


def test_a_strip_scales_down_and_wraps():
    strip, small, _ = TrajectoryStrip().join(torch.rand(9, 64, 96, 1), **{**STRIP, "every": 1, "side": 64})["result"]
    assert small.shape == (9, 43, 64, 1) and strip.shape[2] == 4 * 64 + 5 * GAP  # 4 columns, 3 rows


CROPS = {"labels": "a, b", "side": 16, "zoom": 2, "x": -0.01, "y": -0.01, "difference_gain": 4.0, "dark": True}


def test_crops_show_the_same_pixels_of_every_picture():
    first = photos(1)
    crops, report = CompareCrops().compare(first, **{**CROPS, "x": 0.5, "y": 0.25}, image_2=first * 0.5)["result"]
    assert report.splitlines() == ["rows 2–18, columns 16–32", "a", "b"]
    top = crops.shape[1] - GAP - 32
    shown = crops[:, top : top + 32 : 2, GAP : GAP + 32 : 2]
    assert torch.allclose(shown, first[:, 2:18, 16:32]) and torch.allclose(
        crops[:, top : top + 32 : 2, 2 * GAP + 32 : 2 * GAP + 64 : 2], 0.5 * first[:, 2:18, 16:32]
    )


def test_crops_against_a_reference_have_psnr_and_differences():
    clean = photos(1)
    crops, report = CompareCrops().compare(clean + 0.1, **CROPS, image_2=clean, reference=clean)["result"]
    assert "a · 20.00 dB" in report and "b · identical" in report
    assert crops.shape[2] == 3 * 32 + 4 * GAP
    with pytest.raises(DenoiseError, match="'b' is 48x41"):
        CompareCrops().compare(clean, **CROPS, image_2=torch.rand(1, 41, 48, 3))


def test_compare_hands_out_the_difference():
    before, after = torch.full((1, 4, 6, 3), 0.5), torch.full((2, 4, 6, 3), 0.6)
    both, difference = Compare().compare(before, after)["result"]
    assert both.shape == (2, 4, 12, 3) and torch.allclose(difference, torch.tensor(0.9))


def test_the_busiest_window_is_found():
    image = torch.zeros(1, 100, 120, 3)
    image[:, 60:80, 90:110] = photos(1, 20, 20)
    rows, columns = crop_window(100, 120, 24, busiest_window(image, 24))
    assert rows.start <= 60 and rows.stop >= 80 and columns.start <= 90 and columns.stop >= 110
    assert crop_window(10, 30, 24, (0.99, 0.5)) == (slice(0, 10), slice(6, 30))


def test_error_pictures():
    reference = torch.full((1, 40, 40, 3), 0.5)
    image = reference.clone()
    image[:, 0, 0] = 0.7
    image[:, 0, 1] = 0.4
    assert error_scale(reference, image) == pytest.approx(1 / 255)  # the few beyond half a percent do not count
    error = error_map(reference, image, 0.2)
    assert torch.allclose(error[0, 0, 0], heat(torch.tensor(1.0))) and torch.allclose(
        error[0, 5, 5], heat(torch.tensor(0.0))
    )
    assert signed_difference(reference, image, 2)[0, 0, :3, 0].tolist() == pytest.approx([0.9, 0.3, 0.5])
    with pytest.raises(DenoiseError, match="above 0"):
        error_map(reference, image, 0)


def test_the_heat_scale_rises_evenly_in_lightness():
    colours = heat(torch.linspace(0, 1, 256)).double()
    linear = torch.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    light = (linear * torch.tensor([0.2126, 0.7152, 0.0722])).sum(-1) ** (1 / 3)
    steps = light.diff()
    assert (steps > 0).all() and steps.max() < 3 * steps.median()


def test_grids_want_equal_pictures_and_as_many_labels():
    with pytest.raises(DenoiseError, match="one size"):
        labelled_grid([torch.zeros(1, 4, 4, 3), torch.zeros(1, 4, 5, 3)], ["a", "b"], 2)
    with pytest.raises(DenoiseError, match="as many labels"):
        labelled_grid([torch.zeros(1, 4, 4, 3)], ["a", "b"], 2)
    assert same_crops([torch.zeros(1, 9, 9, 1)], ["a"], 5, (0.5, 0.5)).shape[2] == 5 + 2 * GAP


def test_an_empty_table_is_refused():
    with pytest.raises(DenoiseError, match="empty"):
        SweepChart().draw(DenoiseTable(()), **DRAW)
