"""The mower logs in the wheel of GTSAM, as a peer: answers {name} with the columns of `GT` and `DR`, one JSON line each."""

import importlib.util
import json
import pathlib
import sys

import scipy.io

folder = pathlib.Path(importlib.util.find_spec("gtsam").submodule_search_locations[0]) / "Data"

for line in sys.stdin:
    try:
        arrays = scipy.io.loadmat(folder / f"{json.loads(line)['name']}_.mat")
        print(json.dumps({name: arrays[name].T.tolist() for name in ("GT", "DR")}), flush=True)
    except Exception as error:  # noqa: BLE001
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
