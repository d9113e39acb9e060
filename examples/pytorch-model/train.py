"""Trains a world model of Pendulum-v0 in PyTorch and exports it to groundtwin's model contract (docs/model-contract.md).

    groundtwin record --env Pendulum-v0 --episodes 20 --seed 1 --out training.bin
    groundtwin describe Pendulum-v0 --manifest > template.json
    pip install torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 numpy
    python train.py training.bin template.json .
    groundtwin check-model --env Pendulum-v0 --model .

The network gives a Gaussian over the change of angle and velocity. Everything that groundtwin must not know of is inside the exported graph:
sine and cosine of the angle, scaling of inputs and outputs, the step from a change to the next state.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch

HIDDEN = 64
UPDATES = 6000
BATCH = 256
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-5
# A floor for what float32 can tell apart, and a ceiling of a deviation of all there is (normalised).
LOG_VARIANCE = (-16.0, 0.5)
# A model errs alike at neighbouring steps: noise that lasts keeps the spread of a whole dream honest.
NOISE_CORRELATION = 0.8
SEED = 1


def read_transitions(path):
    """A recording of `groundtwin record`: states [n, 2], commands [n, 1] and next states [n, 2], float64.

    Layout: 4-byte little-endian length of a JSON head, the head, then its parts back to back: state, action, command, next, episode.
    """
    data = Path(path).read_bytes()
    (head_bytes,) = struct.unpack_from('<I', data)
    head = json.loads(data[4 : 4 + head_bytes])
    count = head['head']['count']
    parts, at = [], 4 + head_bytes
    for length in head['lengths'][:4]:
        parts.append(np.frombuffer(data, dtype='<f8', count=length // 8, offset=at).reshape(count, -1))
        at += length
    state, _action, command, following = parts
    return state, command, following, hashlib.sha256(data).hexdigest()


def features_of(state, action):
    """[rows, 4]: an angle goes in as sine and cosine, so that π and −π are one."""
    angle, velocity = state[:, :1], state[:, 1:]
    return torch.cat([angle.sin(), angle.cos(), velocity, action], 1)


class Predict(torch.nn.Module):
    """The contract's `predict`, in physical units: state, action, noise → sample, mean, scale."""

    def __init__(self, features, change):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(features.shape[1], HIDDEN),
            torch.nn.SiLU(),
            torch.nn.Linear(HIDDEN, HIDDEN),
            torch.nn.SiLU(),
            torch.nn.Linear(HIDDEN, 2 * change.shape[1]),
        )
        for name, value in {
            'input_mean': features.mean(0),
            'input_scale': features.std(0),
            'change_mean': change.mean(0),
            'change_scale': change.std(0),
            'widening': torch.ones(change.shape[1]),
        }.items():
            self.register_buffer(name, value)

    def heads(self, features):
        """Mean and log variance of the normalised change."""
        mean, log_variance = self.net((features - self.input_mean) / self.input_scale).chunk(2, 1)
        low, high = LOG_VARIANCE
        return mean, low + (high - low) * torch.sigmoid(log_variance)

    def forward(self, state, action, noise):
        mean, log_variance = self.heads(features_of(state, action))
        mean = state + mean * self.change_scale + self.change_mean
        scale = (0.5 * log_variance).exp() * self.change_scale * self.widening
        return mean + scale * noise, mean, scale


def train(model, features, change):
    """Minimises the negative log likelihood of the normalised change, and widens deviations to what a held-out fifth shows."""
    target = (change - model.change_mean) / model.change_scale
    order = torch.randperm(len(features))
    held_out, rows = order[: len(order) // 5], order[len(order) // 5 :]
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, UPDATES, LEARNING_RATE / 100)
    for update in range(UPDATES):
        batch = rows[torch.randint(len(rows), (BATCH,))]
        mean, log_variance = model.heads(features[batch])
        loss = ((target[batch] - mean) ** 2 * (-log_variance).exp() + log_variance).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        schedule.step()
        if update % 1000 == 0:
            print(f'update {update}: loss {loss.item():.3f}', file=sys.stderr)
    with torch.no_grad():
        mean, log_variance = model.heads(features[held_out])
        ratio = (target[held_out] - mean).abs() / (0.5 * log_variance).exp()
        # 90 % of a Gaussian lie within 1.645 deviations.
        model.widening.copy_(torch.quantile(ratio, 0.9, dim=0) / 1.645)
        return (target[held_out] - mean).square().mean(0).sqrt()


def export(model, path):
    """Rows are free; names and order are the contract's. What the exporter notes of this machine (stack traces) is left out."""
    rows = torch.export.Dim('rows')
    example = (torch.zeros(16, 2), torch.zeros(16, 1), torch.zeros(16, 2))
    names = {'input_names': ['state', 'action', 'noise'], 'output_names': ['sample', 'mean', 'scale']}
    program = torch.onnx.export(model.eval(), example, dynamo=True, dynamic_shapes=({0: rows},) * 3, verbose=False, **names)
    proto = program.model_proto
    for noted in (proto, proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del noted.metadata_props[:]
    Path(path).write_bytes(proto.SerializeToString())


def main(recording, template, folder):
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    state, command, following, data_hash = read_transitions(recording)
    change = following - state
    change[:, 0] = (change[:, 0] + np.pi) % (2 * np.pi) - np.pi
    state, command, change = (torch.tensor(array, dtype=torch.float32) for array in (state, command, change))
    features = features_of(state, command)
    model = Predict(features, change)
    errors = train(model, features, change)
    graph = Path(folder) / 'predict.onnx'
    export(model, str(graph))
    manifest = json.loads(Path(template).read_text())
    manifest['name'] = 'Pendulum-v0 from PyTorch'
    manifest['noise']['correlation'] = NOISE_CORRELATION
    manifest['files']['predict']['sha256'] = hashlib.sha256(graph.read_bytes()).hexdigest()
    manifest['training'] = {'framework': f'torch {torch.__version__}', 'transitions': len(state), 'updates': UPDATES, 'seed': SEED, 'dataHash': data_hash}
    (Path(folder) / 'manifest.json').write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + '\n')
    print('held-out error, in deviations of a change:', [round(error, 4) for error in errors.tolist()], file=sys.stderr)


if __name__ == '__main__':
    main(*sys.argv[1:])
