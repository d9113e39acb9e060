"""Has a server measure gaps: one line of JSON with the arguments of `groundtwin.gap` in, one with the report out."""

import json
import sys

import groundtwin

for line in sys.stdin:
    try:
        report = groundtwin.gap(**json.loads(line))
        print(json.dumps({"report": report.data}), flush=True)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
