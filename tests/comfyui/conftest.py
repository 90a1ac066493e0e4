"""A real ComfyUI with this pack and nothing else, for tests that need one.

They run when COMFYUI_PATH names a ComfyUI checkout; COMFYUI_PYTHON names a Python that has its requirements.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(Path(__file__).parent))  # helpers of the tests
COMFYUI = os.environ.get("COMFYUI_PATH", "")
START_SECONDS = 120
RUN_SECONDS = 600
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SLOW_MS = 180_000
VUE_NODES_SINCE = (1, 30)
READY = "window.app?.vueAppReady && Object.keys(LiteGraph.registered_node_types).length > 100"


def post(url: str, content: dict | None = None) -> dict:
    data = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"{}")


class Server:
    """address: where it listens. base: its folder with input, output and models. process: its number."""

    def __init__(self, address: str, base: Path, process: int) -> None:
        self.address, self.base, self.process = address, base, process

    def queue(self, prompt: dict) -> str:
        """Queue an API-format workflow; → its id."""
        queued = post(f"{self.address}/prompt", {"prompt": prompt})
        assert queued["node_errors"] == {}
        return queued["prompt_id"]

    def wait(self, prompt_id: str, pause: float = 0.2) -> dict:
        """Wait for the end of a queued workflow; → its history entry."""
        end = time.monotonic() + RUN_SECONDS
        while time.monotonic() < end:
            history = post(f"{self.address}/history/{prompt_id}").get(prompt_id)
            if history and history["status"]["completed"]:
                return history
            assert not history or history["status"]["status_str"] != "error", history["status"]["messages"]
            time.sleep(pause)
        raise AssertionError("the workflow did not end")

    def run(self, prompt: dict) -> dict:
        """Queue an API-format workflow and wait for its end; → its history entry."""
        return self.wait(self.queue(prompt))

    def set_option(self, name: str, value: object) -> None:
        """Set one of the front-end's settings, for editors that are opened from now on."""
        post(f"{self.address}/settings", {name: value})

    def open_editor(self, browser, mode: str = "classic"):
        """A page with the editor, ready for use; skips the test when this front-end has no such mode."""
        self.set_option("Comfy.TutorialCompleted", True)
        self.set_option("Comfy.VueNodes.Enabled", mode == "vue")
        page = browser.new_page(viewport={"width": 1700, "height": 1300})
        page.goto(self.address, timeout=SLOW_MS)
        page.wait_for_function(READY, timeout=SLOW_MS)
        version = page.evaluate("window.__COMFYUI_FRONTEND_VERSION__ ?? '0.0'")
        if mode == "vue" and tuple(int(part) for part in version.split(".")[:2]) < VUE_NODES_SINCE:
            page.close()
            pytest.skip(f"front-end {version} draws no elements for Vue nodes")
        return page

    def reload_editor(self, page) -> None:
        """As the browser's button does."""
        page.reload()
        page.wait_for_function(READY, timeout=SLOW_MS)

    def log(self) -> list[str]:
        """What the server has written so far."""
        return (self.base / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()


@pytest.fixture(scope="session")
def comfyui(tmp_path_factory):
    """A running ComfyUI with this pack and nothing else."""
    if not COMFYUI:
        pytest.skip("needs COMFYUI_PATH, a checkout of ComfyUI")
    base = tmp_path_factory.mktemp("comfyui")
    for name in ("custom_nodes", "input", "output", "temp", "user", "models"):
        (base / name).mkdir()
    (base / "custom_nodes" / "denoise").symlink_to(ROOT, target_is_directory=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [os.environ.get("COMFYUI_PYTHON", sys.executable), "main.py", "--cpu", "--port", str(port)]
    words += ["--base-directory", str(base), "--database-url", f"sqlite:///{base}/x.db", "--disable-api-nodes"]
    with (base / "log.txt").open("w") as log:
        server = subprocess.Popen([*words, "--disable-auto-launch"], cwd=COMFYUI, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                post(f"{address}/system_stats")
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None and time.monotonic() < end, (base / "log.txt").read_text()[-2000:]
                time.sleep(0.5)
        yield Server(address, base, server.pid)
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not CHROMIUM:
        pytest.skip("needs Chromium; CHROMIUM names it")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(params=["classic", "vue"], scope="module")
def mode(request):
    """How ComfyUI draws nodes: on its canvas, or as elements."""
    return request.param


@pytest.fixture(scope="module")
def page(comfyui, browser, mode):
    """The editor in one of the modes, for all tests of a file."""
    opened = comfyui.open_editor(browser, mode)
    yield opened
    opened.close()
