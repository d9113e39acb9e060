"""Stable-Baselines3's PPO with a config of ours."""

from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

CLIP = 10.0


def ppo(env, config, seed):
    """With our normalisation, which is `VecNormalize` there; the rest of our defaults are its own."""
    env = VecNormalize(
        env,
        norm_obs=config["normaliseObservations"],
        norm_reward=config["normaliseRewards"],
        clip_obs=CLIP,
        clip_reward=CLIP,
        gamma=config["discount"],
    )
    rate = config["learningRate"]
    return PPO(
        "MlpPolicy",
        env,
        n_steps=config["rolloutSteps"],
        batch_size=config["minibatch"],
        n_epochs=config["epochs"],
        learning_rate=(lambda left: rate * left) if config["annealRate"] else rate,
        gamma=config["discount"],
        gae_lambda=config["lambda"],
        clip_range=config["clip"],
        clip_range_vf=config["clipValue"],
        ent_coef=config["entropyWeight"],
        vf_coef=config["valueWeight"],
        max_grad_norm=config["maximumGradientNorm"],
        target_kl=config["targetKl"],
        normalize_advantage=config["normaliseAdvantages"],
        policy_kwargs={"net_arch": list(config["hidden"]), "log_std_init": config["logDeviation"]},
        seed=seed,
        device="cpu",
    )
