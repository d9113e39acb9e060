"""Makes test/goldens/agreement.golden.json: what independent code says of the suite's statistics.

CRPS by scoringrules, coverage and regression calibration error by uncertainty-toolbox and numpy, correlations by scipy, interquartile means and bootstrap
intervals by rliable (its draws are kept, so that both sides resample alike), MMRV by the code of SIMPLER's authors on the success rates they published.

Run with scoringrules 0.10.0, uncertainty-toolbox 0.1.1, scipy 1.17.1, rliable 1.2.0 and pandas below 3 installed, and the path of one file of
https://github.com/simpler-env/SimplerEnv at commit 4ab7178e83e84ee06894034ec6dbf9e7aad1e882 (MIT):

    python scripts/goldens/agreement.py SimplerEnv/simpler_env/utils/metrics.py
"""

import importlib.util
import json
import pathlib
import sys
from importlib.metadata import version

import numpy as np
import scoringrules
import uncertainty_toolbox as uct
from rliable import library, metrics
from scipy import stats

OUTPUT = pathlib.Path(__file__).parents[2] / "test" / "goldens" / "agreement.golden.json"
# Li et al. 2024, Table I, rows "SIMPLER-VisMatch (ours)". Its drawer column joins two tasks; the published rates do not say how, so it is left out.
PUBLISHED = {
    "google_robot_pick_coke_can": {"mmrv": 0.031, "pearson": 0.976},
    "google_robot_move_near": {"mmrv": 0.111, "pearson": 0.855},
}
RESAMPLES = 200

rng = np.random.default_rng(11)


def rounded(values, digits=4):
    return np.round(values, digits)


def load_simpler(path):
    spec = importlib.util.spec_from_file_location("simpler_metrics", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mmrv_cases(simpler):
    cases = []
    for task, truth in simpler.REAL_PERF.items():
        R, S = list(truth.values()), [simpler.SIMPLER_PERF[task][name] for name in truth]
        cases.append({"task": task, "model": S, "truth": R, "published": PUBLISHED.get(task)})
    # Where the model ties, the authors' code has > for the < of their formula: the negated returns are the formula.
    tied = {"task": "made up, with ties", "model": [0.5, 0.5, 0.2, 0.9, 0.5], "truth": [0.1, 0.4, 0.4, 0.3, 0.8], "published": None}
    for case in cases + [tied]:
        S, R = -np.array(case["model"]), -np.array(case["truth"])
        case["mmrv"] = float(simpler.mean_maximum_rank_violation(S, R))
    return cases + [tied]


def correlation_cases():
    x = rounded(rng.normal(size=12))
    y = rounded(x + rng.normal(size=12))
    tied = np.round(y)
    return [
        {"x": a.tolist(), "y": b.tolist(), "pearson": float(stats.pearsonr(a, b)[0]), "spearman": float(stats.spearmanr(a, b)[0])}
        for a, b in [(x, y), (x, tied), (-x, tied)]
    ]


def crps_cases():
    cases = []
    for draws in (2, 9, 30):
        sample = rounded(rng.normal(size=draws))
        truth = float(rounded(rng.normal()))
        fair = float(scoringrules.crps_ensemble(truth, sample, estimator="fair"))
        cases.append({"draws": sample.tolist(), "truth": truth, "crps": fair})
    return cases


def calibration():
    """Gaussian predictions that err to one side and are too sure."""
    mean, deviation = rounded(rng.normal(size=300)), rounded(rng.uniform(0.5, 1.5, size=300))
    truth = rounded(mean + 0.2 + 1.3 * deviation * rng.normal(size=300))
    error = lambda kind: float(uct.metrics_calibration.mean_absolute_calibration_error(mean, deviation, truth, prop_type=kind))
    share = lambda level: float(uct.metrics_calibration.get_proportion_in_interval(mean, deviation, truth, level))
    levels = [0.1, 0.5, 0.9, 0.95]
    return {
        "ranks": stats.norm.cdf(truth, mean, deviation).tolist(),
        "levels": np.linspace(0, 1, 100).tolist(),
        "interval": error("interval"),
        "quantile": error("quantile"),
        "shares": [{"level": level, "inside": share(level)} for level in levels],
    }


def coverage():
    """Central intervals of samples between order statistics at level (S + 1): numpy's 'weibull'."""
    samples, truth = rounded(1.2 * rng.normal(size=(40, 30))), rounded(rng.normal(size=40))
    inside = {}
    for level in (0.5, 0.8, 0.9):
        low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=1, method="weibull")
        inside[level] = float(np.mean((truth >= low) & (truth <= high)))
    return {
        "samples": samples.tolist(),
        "truth": truth.tolist(),
        "inside": [{"level": level, "share": share} for level, share in inside.items()],
    }


def bootstrap_cases():
    """Runs of several tasks, resampled within each: rliable's own draws, then its intervals from the same seed."""
    cases = []
    statistics = {"mean": metrics.aggregate_mean, "interquartileMean": metrics.aggregate_iqm}
    for tasks in (1, 3):
        scores = rounded(rng.gamma(4, 0.2, (8, tasks)))
        for name, statistic in statistics.items():
            seen = []

            def watched(sample):
                seen.append(np.asarray(sample).T.tolist())
                return np.array([statistic(sample)])

            bootstrap = library.StratifiedBootstrap(scores, random_state=np.random.RandomState(5))
            low, high = bootstrap.conf_int(watched, reps=RESAMPLES, size=0.95, method="percentile").ravel()
            cases.append(
                {
                    "statistic": name,
                    "scores": scores.T.tolist(),
                    "resamples": seen[-RESAMPLES:],
                    "measured": float(statistic(scores)),
                    "low": float(low),
                    "high": float(high),
                }
            )
    return cases


if __name__ == "__main__":
    golden = {
        "versions": {name: version(name) for name in ("scoringrules", "uncertainty-toolbox", "numpy", "scipy", "rliable")},
        "mmrv": mmrv_cases(load_simpler(sys.argv[1])),
        "correlations": correlation_cases(),
        "crps": crps_cases(),
        "calibration": calibration(),
        "coverage": coverage(),
        "bootstrap": bootstrap_cases(),
    }
    OUTPUT.write_text(json.dumps(golden) + "\n")
