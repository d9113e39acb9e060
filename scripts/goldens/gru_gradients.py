"""Makes test/goldens/gru-gradients.golden.json: loss, last state and gradients of an unrolled torch.nn.GRUCell with a LayerNorm on top.

Weights and inputs are float32, gradients are taken in float64. Run as ensemble_gradients.py.
"""

import json
import pathlib

import numpy as np
import torch

INPUTS, SIZE, BATCH, STEPS = 3, 5, 4, 6
OUTPUT = pathlib.Path(__file__).parents[2] / "test" / "goldens" / "gru-gradients.golden.json"


def flat(tensor):
    """Shortest decimals that give back the same float32."""
    return [float(str(value)) for value in tensor.detach().numpy().astype(np.float32).ravel()]


def main():
    torch.manual_seed(7)
    cell = torch.nn.GRUCell(INPUTS, SIZE)
    norm = torch.nn.LayerNorm(SIZE)
    x = torch.randn(STEPS, BATCH, INPUTS)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.uniform_(-0.5, 0.5)
    weights = {"gru.input": cell.weight_ih, "gru.hidden": cell.weight_hh}
    vectors = {"gru.inputBias": cell.bias_ih, "gru.hiddenBias": cell.bias_hh, "norm.scale": norm.weight, "norm.shift": norm.bias}
    parameters = {name: {"shape": list(w.T.shape), "values": flat(w.T)} for name, w in weights.items()}
    parameters |= {name: {"shape": list(v.shape), "values": flat(v)} for name, v in vectors.items()}
    cell.double(), norm.double()
    hidden = torch.zeros(BATCH, SIZE, dtype=torch.float64)
    loss = 0
    for step in range(STEPS):
        hidden = cell(x[step].double(), hidden)
        loss = loss + (norm(hidden) ** 3).mean()
    loss.backward()
    gradients = {name: flat(w.grad.T) for name, w in [("gru.input", cell.weight_ih), ("gru.hidden", cell.weight_hh)]}
    gradients |= {name: flat(v.grad) for name, v in [("gru.inputBias", cell.bias_ih), ("gru.hiddenBias", cell.bias_hh), ("norm.scale", norm.weight), ("norm.shift", norm.bias)]}
    golden = {"madeBy": "scripts/goldens/gru_gradients.py", "torch": torch.__version__, "inputs": INPUTS, "size": SIZE, "batch": BATCH, "steps": STEPS}
    golden |= {"loss": loss.item(), "last": flat(hidden), "x": flat(x), "parameters": parameters, "gradients": gradients}
    OUTPUT.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


main()
