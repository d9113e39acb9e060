"""Makes test/goldens/scores.golden.json: statistics of made-up scores and their intervals, by rliable.

Run with rliable 1.2.0 and pandas below 3, which it needs, installed:

    python scripts/goldens/scores.py
"""

import json
import pathlib
from importlib.metadata import version

import numpy as np
from rliable import library, metrics

OUTPUT = pathlib.Path(__file__).parents[2] / "test" / "goldens" / "scores.golden.json"
RUNS, TASKS, RESAMPLES = 8, 3, 20_000
THRESHOLDS = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5]

rng = np.random.default_rng(7)
# Skewed, and on one task with ties.
x = np.round(rng.gamma(4, 0.2, (RUNS, TASKS)), 3)
y = np.round(rng.gamma(3, 0.2, (RUNS + 2, TASKS)), 3)
x[:, 2], y[:, 2] = np.round(x[:, 2], 1), np.round(y[:, 2], 1)

SINGLE = {
    "mean": metrics.aggregate_mean,
    "median": metrics.aggregate_median,
    "interquartileMean": metrics.aggregate_iqm,
    "optimalityGap": metrics.aggregate_optimality_gap,
}


def with_interval(scores, statistic):
    # The library draws from numpy's global generator.
    np.random.seed(1)
    points, intervals = library.get_interval_estimates(
        {"": scores}, lambda *drawn: np.array([statistic(*drawn)]), reps=RESAMPLES
    )
    low, high = intervals[""].ravel()
    return {"measured": float(points[""][0]), "low": float(low), "high": float(high)}


golden = {
    "rliable": version("rliable"),
    "x": x.T.tolist(),
    "y": y.T.tolist(),
    "single": {name: with_interval(x, statistic) for name, statistic in SINGLE.items()},
    "probabilityOfImprovement": with_interval([x, y], metrics.probability_of_improvement),
    "thresholds": THRESHOLDS,
    "profile": library.score_distributions(x, THRESHOLDS).tolist(),
}
OUTPUT.write_text(json.dumps(golden, indent=1) + "\n")
