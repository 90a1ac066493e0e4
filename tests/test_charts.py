"""Charts: round ticks, labels that keep apart, colours that can be read, and ink where the data says."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from realdenoise.imaging import charts_text
from realdenoise.imaging.charts import Bar, Series, bar_chart, line_chart
from realdenoise.imaging.charts_axes import data_range, spread, tick_labels, ticks
from realdenoise.imaging.charts_canvas import DARK, LIGHT, Canvas, _contrast, _dashes

LABELS = {"title": "Title", "x_label": "x", "y_label": "y"}


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=12),
    st.floats(0.1, 8),
)
def test_spread_labels_keep_their_gap_and_order(wanted, gap):
    placed = spread(wanted, gap, 0, 100)
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    ranked = [placed[k] for k in order]
    assert min(ranked) >= -1e-9 and max(ranked) <= 100 + 1e-9
    assert all(b - a >= gap - 1e-9 for a, b in zip(ranked, ranked[1:], strict=False))


def test_spread_moves_nothing_that_has_room_and_shares_the_move_otherwise():
    assert spread([10, 50, 90], 5, 0, 100) == [10, 50, 90]
    assert spread([50, 50], 10, 0, 100) == [45, 55]
    assert spread([1, 2, 3], 60, 0, 100) == [0, 50, 100]


@given(st.floats(-1e5, 1e5), st.floats(1e-4, 1e5), st.integers(3, 9))
def test_ticks_are_round_inside_and_about_as_many_as_asked(low, span, count):
    marks = ticks(low, low + span, count)
    assert all(low - 1e-6 * span <= m <= low + span + 1e-6 * span for m in marks)
    assert count / 2 - 1 <= len(marks) <= 2 * count
    steps = {
        f"{(b - a) / 10 ** math.floor(math.log10(b - a) + 1e-9):.3g}" for a, b in zip(marks, marks[1:], strict=False)
    }
    assert steps <= {"1", "2", "2.5", "5", "10"}


def test_tick_labels_tell_ticks_apart_and_agree_in_their_decimals():
    assert tick_labels([0, 0.25, 0.5]) == ["0.00", "0.25", "0.50"]
    assert tick_labels([-10, 0, 10]) == ["−10", "0", "10"]
    assert tick_labels(ticks(0.01, 1000, 6, log=True)) == ["0.01", "0.1", "1", "10", "100", "1,000"]
    assert tick_labels([1e-6, 1e-5, 1e-4]) == ["10⁻⁶", "10⁻⁵", "10⁻⁴"]


@given(st.floats(-1e12, 1e12), st.floats(-9, 12), st.integers(3, 9))
def test_no_two_ticks_of_an_axis_get_one_label(low, power, count):
    marks = ticks(low, low + max(10**power, 1e-9 * abs(low)), count)
    assert len(set(tick_labels(marks))) == len(set(marks))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=8))
@example([9.4e-280, 1.0, 0.0])
def test_no_two_ticks_of_ones_own_get_one_label(marks):
    assert len(set(tick_labels(marks))) == len(set(marks))


def test_labels_have_no_more_digits_than_that():
    assert tick_labels([1e6, 1.001e6, 1.002e6]) == ["10⁶", "1.001×10⁶", "1.002×10⁶"]
    assert tick_labels([0.9999999, 1, 1.0000001]) == ["0.9999999", "1.0000000", "1.0000001"]
    assert tick_labels([1e9, 1e9 + 0.5]) == ["10⁹", "1.0000000005×10⁹"]
    assert tick_labels([-2e6, 0, 2.5e7]) == ["−2×10⁶", "0", "2.5×10⁷"]


def test_a_log_axis_of_one_decade_still_has_ticks():
    assert ticks(0.004, 0.03, 4, log=True) == pytest.approx([0.005, 0.01, 0.02])


def test_the_range_of_equal_or_unusable_values():
    low, high = data_range([3.0, 3.0, math.nan])
    assert low < 3 < high
    assert data_range([0.1, 10, -5], log=True, padding=0) == pytest.approx((0.1, 10))
    with pytest.raises(ValueError, match="nothing to draw"):
        data_range([math.nan, math.inf])


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_label_colour_can_be_read(theme):
    for index in range(len(theme.palette)):
        assert _contrast(theme.readable(theme.colour(index)), theme.background) >= 4.5
    assert _contrast(theme.muted, theme.background) >= 4.5


VISIONS = {  # Machado, Oliveira & Fernandes 2009: complete deficiencies, on linear RGB
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_CONES = [[0.412221, 0.536333, 0.051446], [0.211903, 0.680700, 0.107397], [0.088302, 0.281719, 0.629979]]
TO_OKLAB = [[0.210454, 0.793618, -0.004072], [1.977998, -2.428592, 0.450594], [0.025904, 0.782772, -0.808676]]


def oklab(colour, vision):
    """Ottosson 2020: distances of 0.02 can just be told apart side by side."""
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    seen = (np.array(VISIONS[vision]) @ linear).clip(0, 1)
    return np.array(TO_OKLAB) @ np.cbrt(np.array(TO_CONES) @ seen)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_any_two_colours_can_be_told_apart_with_any_eyes(theme, vision):
    assert len(set(theme.palette)) == 8  # as many as a chart has sockets
    seen = [oklab(colour, vision) for colour in theme.palette]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 0.07


def test_contrast_of_black_and_white_is_21():
    assert _contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)


def test_dashes_cover_their_share_of_a_bent_line():
    pieces = _dashes([(0, 0), (30, 0), (30, 30)], (4, 2))
    length = sum(math.dist(a, b) for piece in pieces for a, b in zip(piece, piece[1:], strict=False))
    assert length == pytest.approx(40) and len(pieces) == 10


def test_signs_the_font_lacks_are_drawn_and_the_rest_is_spelled():
    assert charts_text.spell("σ = 25 × 10⁻³ – café β 中") == "σ = 25 × 10⁻³ - cafe beta ?"
    canvas = Canvas(200, 200, LIGHT)
    canvas.text(20, 100, "σα×−→", 40, (0, 0, 0))
    dark = (canvas.tensor()[0, :, :, 0] < 0.5).any(dim=0).nonzero()
    assert dark.min() >= 20 and dark.max() <= 20 + canvas.text_width("σα×−→", 40)
    assert charts_text.width("σσ", 20) == pytest.approx(2 * charts_text.width("σ", 20))


def test_fitted_text_is_never_wider_than_its_room():
    canvas = Canvas(200, 200, LIGHT)
    long = canvas.fit("a denoiser with a very long name", 14, 100)
    assert long.endswith("…") and canvas.text_width(long, 14) <= 100
    assert canvas.fit("short", 14, 100) == "short"


@pytest.mark.parametrize("dark", [False, True])
def test_a_line_is_drawn_where_its_values_are(dark):
    chart = line_chart(
        [Series("flat", [0, 10], [5, 5], markers=False)], **LABELS, y_range=(0, 10), dark=dark, width=500, height=400
    )
    assert chart.shape == (1, 400, 500, 3) and chart.dtype == torch.float32
    colour = torch.tensor((DARK if dark else LIGHT).colour(0)) / 255
    rows, columns = ((chart[0] - colour).abs().amax(-1) < 0.02)[:, :400].nonzero().T  # the label is right of 400
    assert rows.max() - rows.min() <= 4
    gridlines = (
        (chart[0, :, 300] - torch.tensor((DARK if dark else LIGHT).grid) / 255).abs().amax(-1) < 0.02
    ).nonzero()
    assert gridlines.min() < rows.min() < gridlines.max()
    assert columns.max() - columns.min() > 200


def test_a_trend_is_the_least_squares_line():
    peak = Series("peak", [0, 1, 2], [0, 3, 0], style="points", trend=True)  # fitted by y = 1
    chart = line_chart([peak], **LABELS, x_range=(-1, 3), y_range=(-1, 4))[0]
    blue = (chart - torch.tensor(LIGHT.colour(0)) / 255).abs().amax(-1) < 0.02
    rows = blue.sum(dim=1)
    (line,) = (rows == rows.max()).nonzero()[:1, 0].tolist()
    grid = ((chart[:, 120] - torch.tensor(LIGHT.grid) / 255).abs().amax(-1) < 0.02).nonzero()[:, 0]
    assert rows.max() > 0.45 * blue.any(dim=0).sum() and grid.min() < line < grid.max()
    heights = dict(zip([4, 3, 2, 1, 0, -1], grid.unique().tolist(), strict=False))
    assert abs(line - heights[1]) <= 2


def test_ticks_lie_where_they_are_wanted_unless_they_would_touch():
    def marked(values, width):
        series = Series("a", [10, 75], [1, 2])
        chart = line_chart([series], **LABELS, x_ticks=values, x_range=(10, 75), width=width)[0]
        muted = (chart - torch.tensor(LIGHT.muted) / 255).abs().amax(-1) < 0.05
        axis = int(muted.sum(dim=1).argmax())
        columns = muted[axis + 3].nonzero()[:, 0].tolist()
        return [column for column in columns if column - 1 not in columns]

    wide, narrow = marked([10, 15, 25, 75, 90], 960), marked(list(range(10, 76)), 400)
    assert len(wide) == 4 and (wide[1] - wide[0]) / (wide[3] - wide[0]) == pytest.approx(5 / 65, abs=0.01)
    assert 5 < len(narrow) < 20 and min(b - a for a, b in zip(narrow, narrow[1:], strict=False)) > 18


def test_a_gap_in_the_data_is_a_gap_in_the_line():
    x = list(range(60))
    whole = line_chart([Series("a", x, [1.0] * 60, markers=False)], **LABELS)
    holed = line_chart([Series("a", x, [math.nan if 20 < k < 40 else 1.0 for k in x], markers=False)], **LABELS)
    blue = torch.tensor(LIGHT.colour(0)) / 255

    def inked(chart):
        return int(((chart[0, :, :880] - blue).abs().amax(-1) < 0.02).sum())

    assert inked(holed) / inked(whole) == pytest.approx(39 / 59, abs=0.02)


@pytest.mark.parametrize("width", [160, 400, 960])
def test_one_bar_gets_the_smallest_chart(width):
    assert bar_chart([Bar("a", 1.0)], title="t", x_label="x", width=width, text_scale=0.8).shape[1] >= 160


def test_bars_are_as_long_as_their_values():
    chart = bar_chart([Bar("a", 10.0), Bar("b", 5.0), Bar("c", -2.0)], title="Title", x_label="gain (dB)")
    blue = torch.tensor(LIGHT.colour(0)) / 255
    lengths = ((chart[0] - blue).abs().amax(-1) < 0.02).sum(dim=1)
    longest, middle, shortest = sorted(set(lengths.tolist()) - {0}, reverse=True)[:3]
    assert middle / longest == pytest.approx(0.5, abs=0.01) and shortest / longest == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: line_chart([], **LABELS), "at least one series"),
        (lambda: line_chart([Series("a", [1], [1, 2])], **LABELS), "1 x values and 2 y values"),
        (lambda: line_chart([Series("a", [1], [1])], **LABELS, y_range=(2, 1)), "must rise"),
        (lambda: line_chart([Series("a", [1], [-1])], **LABELS, log_y=True), "above zero"),
        (lambda: line_chart([Series("a", [1], [1])], **LABELS, width=10), "160x160"),
        (lambda: bar_chart([Bar("a", math.inf)], title="t", x_label="x"), "finite"),
        (lambda: bar_chart([], title="t", x_label="x"), "at least one bar"),
    ],
)
def test_what_cannot_be_drawn_is_said(call, problem):
    with pytest.raises(ValueError, match=problem):
        call()
