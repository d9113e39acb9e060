"""Makes test/data/fixtures/: small data sets that Minari, pyarrow in LeRobot's layout, mcap and rosbags wrote, and the values they were given.

Run with the packages of bench/peers/formats-requirements.txt installed:

    python scripts/goldens/episodes.py
"""

import json
import pathlib
import shutil
import sys

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "bench" / "peers"))

from formats_peer import MAKERS  # noqa: E402

FIXTURES = ROOT / "test" / "data" / "fixtures"
PLACES = {"minari": "pendulum-random-v0", "lerobot": "lerobot", "mcap": "log.mcap", "rosbag": "rosbag"}
EPISODES = 2
STEPS = 5

shutil.rmtree(FIXTURES, ignore_errors=True)
FIXTURES.mkdir(parents=True)
made = {name: MAKERS[name](FIXTURES / place, EPISODES, STEPS) for name, place in PLACES.items()}
# All are of the same episodes; logs hold the first of them.
assert made["minari"] == made["lerobot"] and made["mcap"] == made["rosbag"] == made["minari"][:1]
(FIXTURES / "episodes.json").write_text(json.dumps(made["minari"]) + "\n")
