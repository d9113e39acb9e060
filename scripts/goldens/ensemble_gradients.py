"""Makes test/goldens/ensemble-gradients.golden.json: the ensemble's loss and gradients, from PyTorch.

Inputs and weights are float32; the gradients are taken in float64, so the file holds the true values to float32 precision
and does not depend on the machine that made it. Run outside the repository's own tools:

    python3 -m venv ../torch-venv && ../torch-venv/bin/pip install torch numpy
    ../torch-venv/bin/python scripts/goldens/ensemble_gradients.py
"""

import json
import pathlib

import numpy as np
import torch

MEMBERS, BATCH, SIZES = 5, 16, [6, 32, 32, 8]
LOW, HIGH = -10.0, 0.5
OUTPUT = pathlib.Path(__file__).parents[2] / "test" / "goldens" / "ensemble-gradients.golden.json"


def draw(rng, *shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def make_parameters(rng):
    parameters = {}
    for layer, (inputs, outputs) in enumerate(zip(SIZES, SIZES[1:])):
        parameters[f"ensemble.{layer}.weight"] = draw(rng, MEMBERS, inputs, outputs, scale=1 / np.sqrt(inputs))
        parameters[f"ensemble.{layer}.bias"] = draw(rng, MEMBERS, 1, outputs, scale=0.1)
    return parameters


def loss_of(parameters, x, y):
    hidden = x
    last = len(SIZES) - 2
    for layer in range(last + 1):
        hidden = hidden @ parameters[f"ensemble.{layer}.weight"] + parameters[f"ensemble.{layer}.bias"]
        if layer < last:
            hidden = torch.nn.functional.silu(hidden)
    mean, raw = hidden.chunk(2, dim=-1)
    bounded = HIGH - torch.nn.functional.softplus(HIGH - raw)
    log_variance = LOW + torch.nn.functional.softplus(bounded - LOW)
    terms = (mean - y) ** 2 * torch.exp(-log_variance) + log_variance
    return terms.sum(dim=-1).mean(dim=-1).sum()


def flat(array):
    """Shortest decimals that give back the same float32."""
    return [float(str(value)) for value in np.asarray(array, dtype=np.float32).ravel()]


def main():
    rng = np.random.default_rng(20240614)
    values = make_parameters(rng)
    x, y = draw(rng, MEMBERS, BATCH, SIZES[0]), draw(rng, MEMBERS, BATCH, SIZES[-1] // 2)
    tensors = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in values.items()}
    loss = loss_of(tensors, torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64))
    loss.backward()
    golden = {
        "madeBy": "scripts/goldens/ensemble_gradients.py",
        "torch": torch.__version__,
        "members": MEMBERS,
        "batch": BATCH,
        "sizes": SIZES,
        "loss": loss.item(),
        "x": flat(x),
        "y": flat(y),
        "parameters": {name: {"shape": list(value.shape), "values": flat(value)} for name, value in values.items()},
        "gradients": {name: flat(tensor.grad.numpy()) for name, tensor in tensors.items()},
    }
    OUTPUT.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


main()
