"""Makes test/goldens/transformer-gradients.golden.json: output, loss and gradients of torch.nn.TransformerEncoderLayer, norms first, GELU, causal.

Weights and inputs are float32, gradients are taken in float64. Run as ensemble_gradients.py.
"""

import torch

from torch_golden import flat, turned, write

SIZE, HEADS, HIDDEN, BATCH, TOKENS = 8, 2, 16, 3, 5


def main():
    torch.manual_seed(7)
    layer = torch.nn.TransformerEncoderLayer(SIZE, HEADS, HIDDEN, dropout=0, activation="gelu", batch_first=True, norm_first=True)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    x = torch.randn(BATCH, TOKENS, SIZE)
    ours = {
        "block.norm1.scale": layer.norm1.weight,
        "block.norm1.shift": layer.norm1.bias,
        "block.qkv.weight": layer.self_attn.in_proj_weight,
        "block.qkv.bias": layer.self_attn.in_proj_bias,
        "block.out.weight": layer.self_attn.out_proj.weight,
        "block.out.bias": layer.self_attn.out_proj.bias,
        "block.norm2.scale": layer.norm2.weight,
        "block.norm2.shift": layer.norm2.bias,
        "block.up.weight": layer.linear1.weight,
        "block.up.bias": layer.linear1.bias,
        "block.down.weight": layer.linear2.weight,
        "block.down.bias": layer.linear2.bias,
    }
    parameters = {name: {"shape": list(turned(w).shape), "values": flat(turned(w))} for name, w in ours.items()}
    layer.double().train()
    mask = torch.nn.Transformer.generate_square_subsequent_mask(TOKENS, dtype=torch.float64)
    output = layer(x.double(), src_mask=mask, is_causal=True)
    loss = (output**3).mean()
    loss.backward()
    gradients = {name: flat(turned(w.grad)) for name, w in ours.items()}
    golden = {"size": SIZE, "heads": HEADS, "hidden": HIDDEN, "batch": BATCH, "tokens": TOKENS}
    golden |= {"loss": loss.item(), "output": flat(output), "x": flat(x), "parameters": parameters, "gradients": gradients}
    write("transformer-gradients", **golden)


main()
