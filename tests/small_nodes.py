"""Small node classes and graphs of them: shared by the tests of the headless runner."""

from realdenoise.headless.convert import to_prompt
from realdenoise.headless.core_nodes import CORE_NODES
from realdenoise.headless.execute import Executor


def make(name: str, inputs: dict, returns: tuple, function, **more) -> type:
    """A node class from a function of its inputs."""
    members = {
        "INPUT_TYPES": classmethod(lambda cls: inputs),
        "RETURN_TYPES": returns,
        "FUNCTION": "call",
        "call": lambda self, **arguments: function(**arguments),
    }
    return type(name, (), members | more)


SEEDED = {"required": {"seed": ("INT", {"default": 3}), "word": ("STRING", {"default": "a"})}}
NUMBER = {"required": {"value": ("INT", {"default": 0, "min": -5, "max": 100, "forceInput": True})}}
CLASSES = {
    **CORE_NODES,
    "Seeded": make("Seeded", SEEDED, ("INT", "STRING"), lambda seed, word: (seed, word)),
    "Double": make("Double", NUMBER, ("INT",), lambda value: (2 * value,)),
    "Show": make("Show", NUMBER, (), lambda value: {"ui": {"text": [str(value)]}}, OUTPUT_NODE=True),
    "Range": make("Range", {}, ("INT",), lambda: ([1, 2, 3],), OUTPUT_IS_LIST=(True,)),
    "Sum": make("Sum", NUMBER, ("INT",), lambda value: (sum(value),), INPUT_IS_LIST=True),
    "Choice": make(
        "Choice",
        {"required": {"which": (["x", "y"], {})}, "optional": {"scale": ("FLOAT", {"min": 0.0, "max": 1.0})}},
        ("STRING",),
        lambda which, scale=None: (which,),
    ),
}


def node(node_id: int, kind: str, inputs=(), outputs=("INT",), **more) -> dict:
    """A UI-format node; inputs are (name, type, link)."""
    entries = [{"name": name, "type": sort, "link": link} for name, sort, link in inputs]
    return {"id": node_id, "type": kind, "inputs": entries, "outputs": [{"type": sort} for sort in outputs], **more}


def graph(*nodes: dict, links=()) -> dict:
    return {"nodes": list(nodes), "links": [list(link) for link in links], "version": 0.4}


def chain(middle: dict) -> dict:
    """Seeded → middle → Show."""
    return graph(
        node(1, "Seeded", outputs=("INT", "STRING"), widgets_values=[7, "fixed", "b"]),
        middle,
        node(3, "Show", [("value", "INT", 2)], ()),
        links=[(1, 1, 0, 2, 0, "INT"), (2, 2, 0, 3, 0, "INT")],
    )


def convert(content: dict) -> dict:
    prompt = to_prompt(content, CLASSES)
    return {node_id: entry["inputs"] for node_id, entry in prompt.items()}


def run(prompt: dict) -> dict[str, list]:
    """What each output node shows."""
    return {key: ui["text"] for key, ui in Executor(prompt, CLASSES).run().shown.items()}


def api(**nodes: tuple) -> dict:
    """API format from (class, inputs)."""
    return {key: {"class_type": kind, "inputs": inputs} for key, (kind, inputs) in nodes.items()}
