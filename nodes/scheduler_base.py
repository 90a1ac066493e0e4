"""What every scheduler node answers: the scheduler, and a chart of its schedule."""

from __future__ import annotations

from typing import Any

from .. import host
from ..imaging.charts import Series, line_chart
from ..schedulers.base import Scheduler
from .common import answer

CHART_SIZE = (480, 300)
"""Small, so that its words can be read on a node."""


class SchedulerNode:
    """Base of the scheduler nodes. A subclass names its chart's axis and builds its scheduler in `build`."""

    RETURN_TYPES = ("DENOISE_SCHEDULER", "IMAGE")
    RETURN_NAMES = ("scheduler", "chart")
    OUTPUT_TOOLTIPS = (
        "The schedule and the rule of a step, for Start Denoising or Known Pixels.",
        "The schedule as a picture, one point per visit of the denoiser.",
    )
    FUNCTION = "build"
    Y_LABEL = ""
    LOGARITHMIC = False

    def answer(self, title: str, scheduler: Scheduler, subtitle: str = "") -> dict[str, Any]:
        """The scheduler and its chart, which is also shown on the node."""
        curves = scheduler.curves()
        visits = list(range(scheduler.steps + 1))
        chart = line_chart(
            [Series(name, visits, values) for name, values in curves.items()],
            title=title,
            subtitle=subtitle,
            x_label="visit of the denoiser",
            y_label=self.Y_LABEL,
            width=CHART_SIZE[0],
            height=CHART_SIZE[1],
            log_y=self.LOGARITHMIC,
        )
        words = f"{title} · {scheduler.steps} visit{'s' * (scheduler.steps > 1)} of the denoiser"
        return answer(words, scheduler, chart, images=host.show_images(chart))
