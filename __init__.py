"""realdenoise: image denoising for ComfyUI and for Python."""

if __package__:  # empty only when a test runner imports this file loose
    from .api import add_noise, denoise, load_denoiser, psnr, ssim
    from .clips import denoise_video
    from .nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

    WEB_DIRECTORY = "./web"

    __all__ = [
        "NODE_CLASS_MAPPINGS",
        "NODE_DISPLAY_NAME_MAPPINGS",
        "WEB_DIRECTORY",
        "add_noise",
        "denoise",
        "denoise_video",
        "load_denoiser",
        "psnr",
        "ssim",
    ]
