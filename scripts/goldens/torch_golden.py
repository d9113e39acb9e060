"""What the scripts that make goldens from PyTorch share."""

import json
import pathlib

import numpy as np
import torch

FOLDER = pathlib.Path(__file__).parents[2] / "test" / "goldens"


def flat(tensor):
    """Shortest decimals that give back the same float32."""
    return [float(str(value)) for value in tensor.detach().numpy().astype(np.float32).ravel()]


def turned(tensor):
    """Torch keeps the weights of a layer as [out, in], we as [in, out]."""
    return tensor.T if tensor.dim() == 2 else tensor


def write(name, **golden):
    """@param name: of the script and the golden, as in gru-gradients."""
    made = {"madeBy": f"scripts/goldens/{name.replace('-', '_')}.py", "torch": torch.__version__}
    (FOLDER / f"{name}.golden.json").write_text(json.dumps(made | golden, separators=(",", ":")) + "\n")
