"""host.py with and without a ComfyUI in the process (here: the few functions of it that the pack calls)."""

import sys
import types
from pathlib import Path

import pytest
import torch
from PIL import Image
from realdenoise import host
from realdenoise.imaging.level import DenoiseError
from realdenoise.nodes.classical import ZeroShot
from torch import nn


class InterruptedByUserError(Exception):
    """Stands for ComfyUI's InterruptProcessingException."""


class FakeComfy:
    """The functions of ComfyUI that host.py calls, as recorders."""

    def __init__(self, root: Path) -> None:
        self.updates, self.loads, self.cancelled = [], [], False
        self.folders = {"upscale_models": ([str(root / "upscale_models")], {".pth"})}
        comfy = self

        class ProgressBar:
            def __init__(self, total, node_id=None):
                self.node_id = node_id

            def update_absolute(self, value, total, preview):
                comfy.updates.append((value, total, preview))

        class ModelPatcher:
            def __init__(self, model, load_device, offload_device):
                self.model = model

        def check():
            if self.cancelled:
                raise InterruptedByUserError

        self.modules = {
            "comfy": types.ModuleType("comfy"),
            "comfy.utils": types.SimpleNamespace(ProgressBar=ProgressBar),
            "comfy.model_patcher": types.SimpleNamespace(ModelPatcher=ModelPatcher),
            "comfy.model_management": types.SimpleNamespace(
                throw_exception_if_processing_interrupted=check,
                get_torch_device=lambda: torch.device("cpu"),
                unet_offload_device=lambda: torch.device("cpu"),
                get_free_memory=lambda device: 1234,
                load_models_gpu=lambda models, **settings: self.loads.append((models, settings)),
                current_loaded_models=[],
            ),
            "folder_paths": types.SimpleNamespace(
                models_dir=str(root),
                folder_names_and_paths=self.folders,
                add_model_folder_path=self._add,
                get_filename_list=self._list,
                get_full_path=self._full,
                get_directory_by_type=lambda kind: str(root / kind),
            ),
        }

    def _add(self, key, path):
        self.folders.setdefault(key, ([], set()))[0].append(path)

    def _files(self, key):
        roots = [Path(folder) for folder in self.folders[key][0]]
        return {str(path.relative_to(root)): path for root in roots for path in root.rglob("*") if path.is_file()}

    def _list(self, key):
        return sorted(self._files(key))

    def _full(self, key, name):
        return str(self._files(key)[name])


@pytest.fixture
def comfy(tmp_path, monkeypatch):
    fake = FakeComfy(tmp_path)
    for name, module in fake.modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return fake


@pytest.fixture
def alone(monkeypatch):
    """No ComfyUI, even if another test imported the real one."""
    for name in ("comfy.model_management", "folder_paths"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_alone_nothing_watches_and_nothing_is_saved(alone):
    assert not host.is_hosted()
    assert host.monitor("7").on_progress is None
    assert host.show_images(torch.rand(1, 4, 4, 3)) == []
    network = nn.Conv2d(1, 1, 1)
    assert host.place(network).ready(10) is network


def test_alone_folders_can_be_chosen(alone, tmp_path, monkeypatch):
    monkeypatch.setattr(host, "_plain_folders", {})
    host.set_folders(output=tmp_path / "new")
    assert host.folder("output") == tmp_path / "new" and (tmp_path / "new").is_dir()
    assert host.folder("temp") == host.folder("temp")


def test_alone_weights_come_from_the_box_and_from_named_folders(alone, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "mine.pth").touch()
    (tmp_path / "notes.txt").touch()
    monkeypatch.setenv(host.MODELS_VARIABLE, str(tmp_path))
    files = host.denoiser_files()
    assert "interpolation_unet" in files and files["sub/mine.pth"] == tmp_path / "sub" / "mine.pth"
    assert not any(name.endswith(".txt") for name in files)


@pytest.mark.parametrize(
    "name", ["../x.pth", "/etc/passwd", "C:\\x.pth", "\\\\server\\x.pth", "missing.safetensors", ""]
)
def test_names_outside_the_list_are_refused(alone, name):
    with pytest.raises(DenoiseError, match="models/denoisers"):
        host.denoiser_file(name)


def test_the_model_folder_is_added_to_what_the_user_configured(comfy, tmp_path):
    comfy.folders["denoisers"] = ([str(tmp_path / "elsewhere")], set())
    host.register_model_folder()
    folders, suffixes = comfy.folders["denoisers"]
    assert folders == [str(tmp_path / "elsewhere"), str(tmp_path / "denoisers")]
    assert {".safetensors", ".pth"} <= suffixes


def test_the_model_folder_is_there_for_users_to_see(comfy, tmp_path, caplog):
    with caplog.at_level("INFO"):
        host.register_model_folder()
        host.register_model_folder()
    assert (tmp_path / "denoisers").is_dir()
    assert [(r.levelname, str(tmp_path / "denoisers") in r.getMessage()) for r in caplog.records] == [("INFO", True)]


def test_a_read_only_installation_loads_all_the_same(comfy, tmp_path, monkeypatch, caplog):
    def refuse(self, *arguments, **settings):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    host.register_model_folder()
    assert not (tmp_path / "denoisers").exists() and str(tmp_path / "denoisers") in comfy.folders["denoisers"][0]
    assert not any(record.levelname in ("WARNING", "ERROR") for record in caplog.records)


def test_hosted_weights_of_both_folders_are_listed(comfy, tmp_path):
    host.register_model_folder()
    for name in ("denoisers/sub/a.safetensors", "upscale_models/b.pth", "denoisers/readme.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    files = host.denoiser_files()
    assert files["sub/a.safetensors"] == tmp_path / "denoisers/sub/a.safetensors"
    assert files["upscale_models/b.pth"] == tmp_path / "upscale_models/b.pth"
    assert not any("readme" in name for name in files)


def test_progress_reaches_the_bar_once_per_thousandth(comfy):
    monitor = host.monitor("7")
    for fraction in (0.1, 0.10001, 0.5, 1.0):
        monitor.advance(fraction)
    assert [value for value, _, _ in comfy.updates] == [100, 500, 1000]


def test_previews_are_throttled_and_small(comfy):
    monitor = host.monitor()
    for step in range(5):
        monitor.advance(step / 5, torch.rand(1, 3, 700, 1400))
    pictures = [preview[1] for _, _, preview in comfy.updates if preview]
    assert [picture.size for picture in pictures] == [(512, 256)]


def test_cancelling_raises_the_hosts_own_exception(comfy):
    monitor = host.monitor()
    comfy.cancelled = True
    with pytest.raises(InterruptedByUserError):
        monitor.advance(0.5)
    with pytest.raises(InterruptedByUserError):
        monitor.part(0, 2).check()


def test_the_whole_network_is_loaded_with_room_for_activations(comfy):
    network = nn.Conv2d(1, 1, 1)
    placement = host.place(network)
    assert placement.ready(5000) is network and placement.free_bytes() == 1234
    assert comfy.loads[0][1] == {"memory_required": 5000, "force_full_load": True}


def test_the_host_says_where_it_computes(comfy, monkeypatch):
    """A denoiser that trains for every picture must not take the GPU of a ComfyUI that was told to leave it."""
    monkeypatch.setattr(sys.modules["comfy.model_management"], "get_torch_device", lambda: torch.device("cuda", 1))
    assert host.device_name() == "cuda:1"
    (denoiser,) = ZeroShot().make(50, 0)
    assert denoiser.device == "cuda:1"


def test_alone_the_device_is_found_later(alone):
    assert host.device_name() == "auto"


def test_a_chosen_device_is_left_alone_by_the_host(comfy):
    host.place(network := nn.Conv2d(1, 1, 1), "cpu").ready(1)
    assert comfy.loads == [] and network.weight.device.type == "cpu"


def test_pictures_on_the_node_are_rounded_not_truncated(comfy, tmp_path):
    for value, level in ((0.499, 127), (0.501, 128)):
        (entry,) = host.show_images(torch.full((1, 2, 3, 3), value))
        with Image.open(tmp_path / entry["type"] / entry["filename"]) as saved:
            assert saved.size == (3, 2) and saved.getpixel((0, 0)) == (level,) * 3


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (513, 20)])
def test_previews_of_any_size(size):
    picture = host.preview_picture(torch.rand(2, 1, *size))
    assert max(picture.size) <= 512 and picture.mode == "L"


class FakeServer:
    """ComfyUI's module `server`, as far as a route needs it."""

    def __init__(self) -> None:
        self.handlers = {}
        routes = types.SimpleNamespace(get=lambda path: lambda handler: self.handlers.setdefault(path, handler))
        self.PromptServer = types.SimpleNamespace(instance=types.SimpleNamespace(routes=routes))
        self.web = types.SimpleNamespace(Response=lambda text, status: (status, text))

    def ask(self, path, **query):
        """What the route answers: (status, text)."""
        waiting = self.handlers[path](types.SimpleNamespace(query=query))
        with pytest.raises(StopIteration) as done:
            waiting.send(None)
        return done.value.value


def test_the_server_answers_with_the_card_of_a_listed_file(comfy, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "server", server := FakeServer())
    (tmp_path / "denoisers").mkdir()
    (tmp_path / "denoisers" / "mine.pth").touch()
    (tmp_path / "secret.pth").touch()
    host.register_model_folder()
    host.register_routes()
    status, text = server.ask("/realdenoise/card", denoiser="vae")
    assert status == 200 and text.startswith("vae · ") and "PSNR" in text
    assert server.ask("/realdenoise/card", denoiser="mine.pth")[0] == 200
    for query in ({"denoiser": "../secret.pth"}, {"denoiser": str(tmp_path / "secret.pth")}, {}):
        status, text = server.ask("/realdenoise/card", **query)
        assert status == 404 and "is not installed" in text


def test_no_route_without_a_server(alone, monkeypatch):
    monkeypatch.setitem(sys.modules, "server", server := FakeServer())
    host.register_routes()
    assert server.handlers == {}
