"""PyTorch as a peer: reads one JSON request a line on stdin, answers each with one JSON line on stdout. One thread, eager, fused AdamW.

train  {network, steps}  -> cpu_s of so many training steps (gather of a random batch, forward, backward, update) and the last loss
imagine {lanes, steps}   -> cpu_s of so many steps of the dream loop, and how many episodes ended
about  {}                -> versions
"""

import json
import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

torch.set_num_threads(1)
torch.manual_seed(0)
# Rows that batches are drawn from; the same on both sides.
ROWS = {"ensemble": 10_000, "gru": 2_000, "transformer": 512, "vae": 256}


class Ensemble(nn.Module):
    """5 networks 24-200-200-200-36 side by side, Gaussian heads with soft bounds."""

    members, batch, sizes = 5, 256, [24, 200, 200, 200, 36]

    def __init__(self):
        super().__init__()
        pairs = list(zip(self.sizes, self.sizes[1:]))
        self.weights = nn.ParameterList([nn.Parameter(torch.empty(self.members, i, o).uniform_(-(i**-0.5), i**-0.5)) for i, o in pairs])
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(self.members, 1, o)) for _, o in pairs])
        self.x, self.y = torch.randn(ROWS["ensemble"], 24), torch.randn(ROWS["ensemble"], 18)

    def loss(self):
        rows = torch.randint(ROWS["ensemble"], (self.members, self.batch))
        x, y = self.x[rows], self.y[rows]
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            x = torch.baddbmm(bias, x, weight)
            if i < len(self.weights) - 1:
                x = functional.silu(x)
        mean, raw = x.chunk(2, dim=-1)
        log_variance = 0.5 - functional.softplus(0.5 - raw)
        log_variance = -10 + functional.softplus(log_variance + 10)
        return ((mean - y) ** 2 * torch.exp(-log_variance) + log_variance).mean(dim=-2).sum()


class Gru(nn.Module):
    """nn.GRU 24-200 over 16 steps with a linear head, batch 256."""

    batch, steps = 256, 16

    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(24, 200, batch_first=True), nn.Linear(200, 18)
        self.x, self.y = torch.randn(ROWS["gru"], self.steps, 24), torch.randn(ROWS["gru"], self.steps, 18)

    def loss(self):
        rows = torch.randint(ROWS["gru"], (self.batch,))
        hidden, _ = self.gru(self.x[rows])
        return functional.mse_loss(self.head(hidden), self.y[rows])


class Transformer(nn.Module):
    """One causal block, width 128, 4 heads, 64 rows of 32 tokens."""

    batch, tokens, size = 64, 32, 128

    def __init__(self):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(self.size, 4, 4 * self.size, dropout=0, activation="gelu", batch_first=True, norm_first=True)
        self.mask = nn.Transformer.generate_square_subsequent_mask(self.tokens)
        shape = (ROWS["transformer"], self.tokens, self.size)
        self.x, self.y = torch.randn(shape), torch.randn(shape)

    def loss(self):
        rows = torch.randint(ROWS["transformer"], (self.batch,))
        return functional.mse_loss(self.block(self.x[rows], src_mask=self.mask, is_causal=True), self.y[rows])


class Vae(nn.Module):
    """Of World Models (Ha & Schmidhuber 2018): 64×64×3, latent 32, batch 32."""

    batch, latent = 32, 32

    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleList([nn.Conv2d(i, o, 4, 2) for i, o in [(3, 32), (32, 64), (64, 128), (128, 256)]])
        self.to_latent, self.expand = nn.Linear(1024, 2 * self.latent), nn.Linear(self.latent, 1024)
        layers = [(1024, 128, 5), (128, 64, 5), (64, 32, 6), (32, 3, 6)]
        self.decoder = nn.ModuleList([nn.ConvTranspose2d(i, o, k, 2) for i, o, k in layers])
        self.images = torch.rand(ROWS["vae"], 3, 64, 64)

    def loss(self):
        images = self.images[torch.randint(ROWS["vae"], (self.batch,))]
        x = images
        for layer in self.encoder:
            x = functional.relu(layer(x))
        mean, log_variance = self.to_latent(x.flatten(1)).chunk(2, dim=1)
        z = mean + torch.exp(log_variance / 2) * torch.randn(self.batch, self.latent)
        x = functional.relu(self.expand(z)).reshape(self.batch, 1024, 1, 1)
        for i, layer in enumerate(self.decoder):
            x = layer(x)
            x = torch.sigmoid(x) if i == len(self.decoder) - 1 else functional.relu(x)
        error = ((x - images) ** 2).sum(dim=(1, 2, 3)).mean()
        return error - 0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=1).mean()


networks = {"ensemble": Ensemble, "gru": Gru, "transformer": Transformer, "vae": Vae}
running = {}


def train(network, steps):
    if network not in running:
        made = networks[network]()
        running[network] = made, torch.optim.AdamW(made.parameters(), lr=1e-3, weight_decay=1e-4, fused=True)
    made, optimizer = running[network]
    before = time.process_time()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = made.loss()
        loss.backward()
        optimizer.step()
    return {"cpu_s": time.process_time() - before, "loss": loss.item()}


class Dream:
    """Policy, ensemble of 5 × 200³, sampling, reward, end and reset of Hopper, all lanes in one batch; each lane keeps one member."""

    members, hidden, joints, horizon, change = 5, 200, 3, 1000, 0.01

    def __init__(self, lanes):
        self.each = -(-lanes // self.members)
        self.lanes, size = self.each * self.members, 6 + 2 * self.joints
        sizes = [size + 2 * (1 + self.joints) - (1 + self.joints) + 3, self.hidden, self.hidden, self.hidden, 2 * size]
        pairs = list(zip(sizes, sizes[1:]))
        uniform = lambda *shape, fan: torch.empty(*shape).uniform_(-(fan**-0.5), fan**-0.5)  # noqa: E731
        self.weights = [(uniform(self.members, i, o, fan=i), uniform(self.members, 1, o, fan=i)) for i, o in pairs]
        self.policy = nn.Sequential(nn.Linear(size - 1, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 3), nn.Tanh())
        self.mean, self.scale = torch.zeros(sizes[0]), torch.ones(sizes[0])
        self.offset, self.spread = torch.zeros(size), torch.full((size,), self.change)
        self.state, self.age, self.ended = self.start(), torch.zeros(self.lanes, dtype=torch.long), 0

    def start(self):
        """x, height, pitch, 3 angles, then their rates."""
        state = torch.empty(self.lanes, 6 + 2 * self.joints).uniform_(-0.005, 0.005)
        state[:, 1] += 1.25
        return state

    def predict(self, action):
        angles = self.state[:, 2:6]
        features = torch.cat([self.state[:, :2], torch.sin(angles), torch.cos(angles), self.state[:, 6:], action], dim=1)
        x = ((features - self.mean) / self.scale).view(self.members, self.each, -1)
        for i, (weight, bias) in enumerate(self.weights):
            x = torch.baddbmm(bias, x, weight)
            if i < len(self.weights) - 1:
                x = functional.silu(x)
        mean, raw = x.view(self.lanes, -1).chunk(2, dim=1)
        log_variance = 0.5 - functional.softplus(0.5 - raw)
        log_variance = -14 + functional.softplus(log_variance + 14)
        change = mean * self.spread + self.offset + torch.exp(log_variance / 2) * self.spread * torch.randn_like(mean)
        following = self.state + change
        following[:, 2:6] = torch.remainder(following[:, 2:6] + torch.pi, 2 * torch.pi) - torch.pi
        return following

    def step(self):
        observation = torch.cat([self.state[:, 1:6], self.state[:, 6:].clamp(-10, 10)], dim=1)
        action = self.policy(observation)
        following = self.predict(action)
        healthy = (following[:, 1] > 0.7) & (following[:, 2].abs() < 0.2) & (following[:, 3:].abs() < 100).all(dim=1)
        reward = (following[:, 0] - self.state[:, 0]) / 0.008 + healthy - 1e-3 * (action**2).sum(dim=1)
        self.age += 1
        over = ~healthy | (self.age >= self.horizon)
        if over.any():
            following = torch.where(over[:, None], self.start(), following)
            self.age[over] = 0
            self.ended += int(over.sum())
        self.state = following
        return reward


dreams = {}


def imagine(lanes, steps):
    dream = dreams.setdefault(lanes, Dream(lanes))
    before = time.process_time()
    with torch.inference_mode():
        for _ in range(steps):
            dream.step()
    # All lanes work; only as many count as were asked for.
    return {"cpu_s": (time.process_time() - before) * lanes / dream.lanes, "ended": dream.ended}


def about():
    return {"torch": torch.__version__, "python": sys.version.split()[0]}


OPERATIONS = {"train": train, "imagine": imagine, "about": about}


def answer(line):
    try:
        request = json.loads(line)
        return OPERATIONS[request.pop("op")](**request)
    except Exception as error:  # the other side says what failed
        return {"error": f"{type(error).__name__}: {error}"}


# What anything else prints must not get between the answers.
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    answers.write(json.dumps(answer(line)) + "\n")
    answers.flush()
