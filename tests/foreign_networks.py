"""Small networks of spandrel's with random weights: shared by the tests that load and save them."""

import torch
from realdenoise.models.loader import load_denoiser
from safetensors.torch import save_file
from spandrel.architectures.KBNet import KBNet_s
from spandrel.architectures.NAFNet import NAFNet
from spandrel.architectures.SCUNet import SCUNet
from spandrel.architectures.SwinIR import SwinIR
from spandrel.architectures.Uformer import Uformer


def swinir(channels=3, upscale=1):
    return SwinIR(
        img_size=16,
        in_chans=channels,
        embed_dim=12,
        depths=[2],
        num_heads=[2],
        window_size=8,
        mlp_ratio=2,
        upscale=upscale,
        img_range=1.0,
        upsampler="pixelshuffle" if upscale > 1 else "",
        resi_connection="1conv",
    )


NETWORKS = {
    "NAFNet": lambda: NAFNet(img_channel=3, width=4, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]),
    "NAFNet gray": lambda: NAFNet(img_channel=1, width=4, middle_blk_num=1, enc_blk_nums=[1], dec_blk_nums=[1]),
    "KBNet": lambda: KBNet_s(
        img_channel=3, width=4, middle_blk_num=1, enc_blk_nums=[1, 1, 1, 1], dec_blk_nums=[1, 1, 1, 1], ffn_scale=1.5
    ),
    "SwinIR": swinir,
    "SwinIR gray": lambda: swinir(channels=1),
    "Uformer": lambda: Uformer(dd_in=3, embed_dim=4, depths=[1] * 9),
    "SCUNet": lambda: SCUNet(in_nc=3, config=[1] * 7, dim=64),
}


def saved(tmp_path, network):
    path = tmp_path / "foreign.safetensors"
    save_file({key: value.contiguous().clone() for key, value in network.state_dict().items()}, path)
    return path


def opened(tmp_path, name, **settings):
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    for parameter in network.parameters():  # some architectures start with zeroed layers
        torch.nn.init.normal_(parameter, std=0.05)
    denoiser = load_denoiser(saved(tmp_path, network), device="cpu", **{"precision": "fp32", **settings})
    return network, denoiser
