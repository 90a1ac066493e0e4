"""From a name or a file to a denoiser: what loads, and what is refused in one sentence."""

import os
import pickle
import re

import pytest
import torch
from realdenoise.imaging.level import DenoiseError
from realdenoise.models.card import card_text, full_card
from realdenoise.models.loader import WEIGHTS, bundled, find_file, load_denoiser, load_network
from realdenoise.models.networks.dncnn import DnCNN
from realdenoise.models.weight_file import read_weights, write_weights
from safetensors.torch import save_file
from torch import nn


def small_network(**options) -> nn.Module:
    torch.manual_seed(1)
    return DnCNN(**{"channels": 1, "depth": 4, "width": 6, **options}).eval()


def assert_loads(path, network) -> None:
    picture = torch.rand(1, 1, 9, 12)
    with torch.no_grad():
        expected = picture - network(picture)
    assert torch.allclose(load_denoiser(path, device="cpu", precision="fp32")(picture), expected, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"batch_norm": True, "bias": False}, {"batch_norm": True}])
def test_safetensors_with_metadata(tmp_path, options):
    network = small_network(**options)
    save_file(network.state_dict(), tmp_path / "net.safetensors", metadata={"data": "some pictures", "halo": "3"})
    assert_loads(tmp_path / "net.safetensors", network)
    _, spec = load_network(tmp_path / "net.safetensors")
    assert (spec.name, spec.halo) == ("net", 3)
    assert "data: some pictures" in card_text(spec) and "halo" not in card_text(spec)


@pytest.mark.parametrize(
    "nest",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"params": {}, "params_ema": state},
        lambda state: {"model": {"state_dict": state}, "optimizer": {"lr": 0.1}},
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"net": {f"module._orig_mod.{key}": value for key, value in state.items()}},
        lambda state: {key.replace("model.", "module.dncnn."): value for key, value in state.items()},
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".PTH"])
def test_checkpoints_however_they_are_nested(tmp_path, nest, suffix):
    network = small_network()
    torch.save(nest(network.state_dict()), tmp_path / f"net{suffix}")
    assert_loads(tmp_path / f"net{suffix}", network)


def test_the_better_weights_of_a_checkpoint_are_taken(tmp_path):
    worse, better = small_network(), small_network(width=5)
    torch.save({"params": worse.state_dict(), "params_ema": better.state_dict()}, tmp_path / "net.pth")
    assert_loads(tmp_path / "net.pth", better)


def test_half_precision_files_become_float32(tmp_path):
    save_file({key: value.half() for key, value in small_network().state_dict().items()}, tmp_path / "net.safetensors")
    network, _ = load_network(tmp_path / "net.safetensors")
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_weights_with_nan_or_infinity_are_refused(tmp_path, value, suffix, dtype):
    state = {key: tensor.to(dtype) for key, tensor in small_network().state_dict().items()}
    state["model.2.weight"][1, 2, 0, 1] = value
    (save_file if suffix == ".safetensors" else torch.save)(state, tmp_path / f"net{suffix}")
    with pytest.raises(DenoiseError, match=r"'net\.\w+' holds NaN or infinity in 'model\.2\.weight'"):
        load_denoiser(tmp_path / f"net{suffix}")


def test_weights_whose_sum_alone_is_beyond_float32_load(tmp_path):
    save_file({"model.0.weight": torch.full((2, 2), 3e38)}, tmp_path / "net.safetensors")
    assert read_weights(tmp_path / "net.safetensors").state["model.0.weight"].shape == (2, 2)


class Malicious:
    """Pickles into an order to create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path, legacy):
    trace, file = tmp_path / "trace", tmp_path / "evil.pth"
    torch.save(
        {"model.0.weight": torch.zeros(1), "extra": Malicious(trace)}, file, _use_new_zipfile_serialization=not legacy
    )
    with pytest.raises(DenoiseError, match="evil.pth' is refused because it holds more than tensors"):
        load_denoiser(file)
    assert not trace.exists()
    torch.load(file, weights_only=False)  # the trap is real
    assert trace.exists()


@pytest.mark.parametrize("version", ["2.2.0", "2.5.1+cu124", "1.13.1"])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".bin"])
def test_pickles_are_refused_where_torch_reads_them_unsafely(tmp_path, monkeypatch, version, suffix):
    """CVE-2025-32434: before 2.6, weights_only=True could be made to run code."""
    torch.save(small_network().state_dict(), tmp_path / f"net{suffix}")
    save_file(small_network().state_dict(), tmp_path / "net.safetensors")
    monkeypatch.setattr(torch, "__version__", version)
    with pytest.raises(
        DenoiseError, match=r"net\.\w+' is a pickle, .* torch \d\.\d+.*; update torch to 2\.6.*safetensors"
    ):
        load_denoiser(tmp_path / f"net{suffix}")
    assert_loads(tmp_path / "net.safetensors", small_network())


@pytest.mark.parametrize("version", ["2.6.0", "2.10.0a0+git1234", "3.0.0"])
def test_pickles_are_read_where_torch_is_safe(tmp_path, monkeypatch, version):
    torch.save(small_network().state_dict(), tmp_path / "net.pth")
    monkeypatch.setattr(torch, "__version__", version)
    assert_loads(tmp_path / "net.pth", small_network())


@pytest.mark.filterwarnings("ignore")
def test_a_plain_pickle_is_refused_and_not_run(tmp_path):
    trace, file = tmp_path / "trace", tmp_path / "evil.ckpt"
    file.write_bytes(pickle.dumps(Malicious(trace)))
    with pytest.raises(DenoiseError, match="refused"):
        load_denoiser(file)
    assert not trace.exists()


def test_a_whole_pickled_module_is_refused(tmp_path):
    torch.save(nn.Conv2d(1, 1, 1), tmp_path / "module.pth")
    with pytest.raises(DenoiseError, match="ask its author for a safetensors file"):
        load_denoiser(tmp_path / "module.pth")


NEARLY_AN_AUTOENCODER = (
    *("encoder.1.weight", "encoder.3.res.0.weight", "decoder.0.weight", "decoder.1.res.0.weight"),
    "encoder.norm.weight",
)


def holds_itself(path):
    content = {}
    content["model"] = content
    torch.save(content, path)


def cut_in_half(path):
    torch.save(small_network().state_dict(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("name", "make", "problem"),
    [
        ("empty.pth", lambda path: path.write_bytes(b""), "is empty"),
        ("empty.safetensors", lambda path: path.write_bytes(b""), "is empty"),
        ("cut.pth", cut_in_half, "no readable weight file"),
        ("page.pth", lambda path: path.write_text("<html>404</html>"), "no readable weight file"),
        ("noise.safetensors", lambda path: path.write_bytes(bytes(range(200))), "no readable weight file"),
        ("bare.safetensors", lambda path: save_file({}, path), "holds no tensors"),
        ("numbers.pth", lambda path: torch.save({"lr": 0.1}, path), "holds no tensors"),
        ("list.pth", lambda path: torch.save([1, 2], path), "holds a list"),
        ("tensor.pth", lambda path: torch.save(torch.zeros(2), path), "holds a Tensor"),
        ("picture.png", lambda path: path.write_bytes(b"x"), "is no weight file; use .safetensors"),
        ("folder", lambda path: path.mkdir(), "folder"),
        ("folder.safetensors", lambda path: path.mkdir(), "folder"),
        ("itself.pth", holds_itself, "holds no tensors"),
        (
            "unknown.safetensors",
            lambda path: save_file({"what.is.this": torch.zeros(3)}, path),
            "no known architecture",
        ),
        (
            "nearly.safetensors",
            lambda path: save_file({name: torch.zeros(3, 3) for name in NEARLY_AN_AUTOENCODER}, path),
            "no known architecture",
        ),
    ],
)
def test_bad_files_are_refused_in_one_sentence(tmp_path, name, make, problem):
    make(tmp_path / name)
    with pytest.raises(DenoiseError, match=problem) as refusal:
        load_denoiser(tmp_path / name)
    text = str(refusal.value)
    assert "\n" not in text and len(text) < 400 and text.endswith(".") and not re.search(r"\.\.$", text)


@pytest.mark.filterwarnings("ignore")
def test_torchscript_is_refused(tmp_path):
    torch.jit.trace(nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 2, 2)).save(str(tmp_path / "program.pt"))
    with pytest.raises(DenoiseError, match="TorchScript"):
        load_denoiser(tmp_path / "program.pt")


def test_tensors_that_do_not_fit_are_named(tmp_path):
    state = small_network().state_dict()
    state["model.2.weight"] = torch.zeros(7, 7, 3, 3)
    save_file(state, tmp_path / "odd.safetensors")
    with pytest.raises(DenoiseError, match=r"looks like DnCNN.*model\.2\.weight"):
        load_denoiser(tmp_path / "odd.safetensors")


def test_a_missing_file_is_answered_with_the_names_there_are():
    with pytest.raises(DenoiseError, match="neither .* nor a file"):
        find_file("no_such_denoiser")
    with pytest.raises(DenoiseError, match=bundled()[0]):
        load_denoiser("no_such_denoiser.safetensors")


def test_bundled_names_win_over_files_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = bundled()[0]
    (tmp_path / name).write_text("a decoy")
    assert find_file(name).parent == WEIGHTS


def test_every_bundled_file_has_a_card():
    for name in bundled():
        path = find_file(name)
        text = full_card(load_network(path)[1], path)
        assert path.with_suffix(".md").read_text(encoding="utf-8") in text
        for word in ("Data", "Licence", "Weak", "PSNR"):
            assert word.lower() in text.lower(), f"{name} says nothing about {word}"


def test_weights_survive_the_round_trip(tmp_path):
    state = {"a": torch.rand(3, 2), "b": torch.arange(4, dtype=torch.int8)}
    write_weights(tmp_path / "sub/net.safetensors", state, {"data": "none"})
    weights = read_weights(tmp_path / "sub/net.safetensors")
    assert weights.metadata == {"data": "none"}
    assert all(torch.equal(weights.state[key], state[key]) for key in state)
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["net.safetensors"]


def test_weights_are_only_written_as_safetensors_and_where_one_may(tmp_path):
    with pytest.raises(DenoiseError, match="must end in .safetensors"):
        write_weights(tmp_path / "net.pth", {}, {})
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DenoiseError, match="cannot be written"):
        write_weights(tmp_path / "file/net.safetensors", {"a": torch.zeros(1)}, {})


def test_the_box_stays_small():
    assert sum(find_file(name).stat().st_size for name in bundled()) <= 25e6
