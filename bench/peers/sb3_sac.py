"""Stable-Baselines3's SAC with a config of ours."""

from stable_baselines3 import SAC

# What it has no setting for.
FIXED = {"critics": 2, "targetCritics": 2, "actorValue": "least", "layerNorm": False, "policyEvery": 1}


def sac(env, config, seed):
    other = [name for name, value in FIXED.items() if config[name] != value]
    if other:
        raise ValueError(f"Stable-Baselines3's SAC is fixed to {FIXED}; {other} differ")
    entropy = config["targetEntropy"]
    return SAC(
        "MlpPolicy",
        env,
        learning_rate=config["learningRate"],
        buffer_size=config["capacity"],
        learning_starts=config["learningStarts"],
        batch_size=config["batch"],
        tau=config["tau"],
        gamma=config["discount"],
        train_freq=config["trainEvery"],
        gradient_steps=config["updates"],
        ent_coef=config["entropyWeight"],
        target_entropy="auto" if entropy is None else entropy,
        policy_kwargs={"net_arch": list(config["hidden"])},
        seed=seed,
        device="cpu",
    )
