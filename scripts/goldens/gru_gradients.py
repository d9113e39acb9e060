"""Makes test/goldens/gru-gradients.golden.json: loss, last state and gradients of an unrolled torch.nn.GRUCell with a LayerNorm on top.

Weights and inputs are float32, gradients are taken in float64. Run as ensemble_gradients.py.
"""

import torch

from torch_golden import flat, write

INPUTS, SIZE, BATCH, STEPS = 3, 5, 4, 6


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
    golden = {"inputs": INPUTS, "size": SIZE, "batch": BATCH, "steps": STEPS}
    golden |= {"loss": loss.item(), "last": flat(hidden), "x": flat(x), "parameters": parameters, "gradients": gradients}
    write("gru-gradients", **golden)


main()
