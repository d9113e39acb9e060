"""Makes test/goldens/vae-gradients.golden.json: loss and gradients of a small convolutional variational autoencoder (Ha & Schmidhuber 2018, smaller).

Weights and inputs are float32, gradients are taken in float64. Run as ensemble_gradients.py.
"""

import torch
from torch.nn import functional

from torch_golden import flat, turned, write

SIDE, CHANNELS, LATENT, BATCH = 14, 3, 4, 3


def main():
    torch.manual_seed(7)
    encode = torch.nn.ModuleList([torch.nn.Conv2d(CHANNELS, 4, 4, 2), torch.nn.Conv2d(4, 6, 3, 2)])
    latent = torch.nn.Linear(24, 2 * LATENT)
    expand = torch.nn.Linear(LATENT, 24)
    decode = torch.nn.ModuleList([torch.nn.ConvTranspose2d(6, 4, 4, 2), torch.nn.ConvTranspose2d(4, CHANNELS, 4, 2)])
    images = torch.rand(BATCH, CHANNELS, SIDE, SIDE)
    noise = torch.randn(BATCH, LATENT)
    ours = {"latent.weight": latent.weight, "latent.bias": latent.bias, "expand.weight": expand.weight, "expand.bias": expand.bias}
    kernels = {}
    for name, layers in [("encoder", encode), ("decoder", decode)]:
        for i, layer in enumerate(layers):
            kernels |= {f"{name}.{i}.kernel": layer.weight, f"{name}.{i}.bias": layer.bias}
    parameters = {name: {"shape": list(turned(w).shape), "values": flat(turned(w))} for name, w in ours.items()}
    parameters |= {name: {"shape": list(w.shape), "values": flat(w)} for name, w in kernels.items()}
    for module in [encode, latent, expand, decode]:
        module.double()
    x = images.double()
    for layer in encode:
        x = functional.relu(layer(x))
    mean, log_variance = latent(x.flatten(1)).chunk(2, dim=1)
    z = mean + torch.exp(log_variance / 2) * noise.double()
    y = functional.relu(expand(z)).reshape(BATCH, 6, 2, 2)
    y = functional.relu(decode[0](y))
    y = torch.sigmoid(decode[1](y))
    error = ((y - images.double()) ** 2).sum(dim=(1, 2, 3)).mean()
    divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=1).mean()
    loss = error + divergence
    loss.backward()
    gradients = {name: flat(turned(w.grad)) for name, w in ours.items()}
    gradients |= {name: flat(w.grad) for name, w in kernels.items()}
    golden = {"side": SIDE, "channels": CHANNELS, "latent": LATENT, "batch": BATCH, "loss": loss.item()}
    golden |= {"images": flat(images), "noise": flat(noise), "parameters": parameters, "gradients": gradients}
    write("vae-gradients", **golden)


main()
