"""Loop Open and Loop Close: a loop drawn on the canvas, whose one carried value is the denoise state."""

from __future__ import annotations

from typing import Any

from ..imaging.level import DenoiseError
from .common import answer
from .expansion import DynamicPrompt, is_link, unroll
from .registry import node
from .states import STATE_INPUT, current_picture, describe


@node("Loop Open", "Loop", ("for loop", "while loop", "repeat"))
class LoopOpen:
    """Where a round begins."""

    DESCRIPTION = (
        "The beginning of a denoising loop. What is wired between this node and Loop Close runs once per step of the "
        "schedule, with everything that hangs on it, such as previews."
    )
    RETURN_TYPES = ("DENOISE_LOOP", "DENOISE_STATE")
    RETURN_NAMES = ("loop", "state")
    OUTPUT_TOOLTIPS = ("Connect it to Loop Close.", "The state at the beginning of a round.")
    FUNCTION = "open"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        return {"required": {"state": STATE_INPUT}}

    def open(self, state: Any) -> tuple[Any, ...]:
        """The state twice: as the loop's start, and as the first round's."""
        return (state, state)


@node("Loop Close", "Loop", ("end loop", "repeat"))
class LoopClose:
    """Where a round ends, and the next is made."""

    DESCRIPTION = "The end of a denoising loop: takes the state after a round and repeats until the schedule ends."
    RETURN_TYPES = ("DENOISE_STATE", "IMAGE")
    RETURN_NAMES = ("state", "image")
    OUTPUT_TOOLTIPS = ("The final state.", "The picture at the end.")
    FUNCTION = "close"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Inputs in the order of saved workflows: append only."""
        loop = ("DENOISE_LOOP", {"tooltip": "From Loop Open."})
        return {
            "required": {"loop": loop, "state": STATE_INPUT},
            "hidden": {"prompt": "DYNPROMPT", "node_id": "UNIQUE_ID"},
        }

    def close(self, loop: Any, state: Any, prompt: DynamicPrompt, node_id: str) -> dict[str, Any]:
        """The result, or the graph of all rounds that are left.

        Raises:
            DenoiseError: the round has taken no step.
        """
        if state.done:
            return answer(describe(state), state, current_picture(state))
        advanced = state.step - loop.step
        inputs = prompt.get_node(node_id)["inputs"]
        if advanced < 1 or not (is_link(inputs["loop"]) and is_link(inputs["state"])):
            raise DenoiseError("the state comes back without a step taken; wire Scheduler Step into the loop.")
        rounds = -(-(state.steps - state.step) // advanced)
        nodes, last = unroll(prompt, inputs["loop"][0], node_id, rounds, output=1, carried="state")
        return {"result": ([last, 0], [last, 1]), "expand": nodes}
