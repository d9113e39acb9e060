"""Policies as ONNX graphs, written once by this project's own writer (`compileInference` of src/onnx)."""

from __future__ import annotations

import base64

#: Of Reacher: -3 times the observation's elements 2 and 3; clipped to the box by whoever plays it.
REACHER = base64.b64decode(
    "CAoSCmdyb3VuZHR3aW46qAIKTQoLb2JzZXJ2YXRpb24KB3ZhbHVlXzEKB3ZhbHVlXzIKB3ZhbHVlXzMSDWdyYXBoL1NsaWNlXzQaDWdyYXBoL1Ns"
    "aWNlXzQiBVNsaWNlCjIKDWdyYXBoL1NsaWNlXzQKB3ZhbHVlXzUSBmFjdGlvbhoLZ3JhcGgvTXVsXzYiA011bBIKZ3JvdW5kdHdpbioXCAEQB0IH"
    "dmFsdWVfMUoIAgAAAAAAAAAqFwgBEAdCB3ZhbHVlXzJKCAQAAAAAAAAAKhcIARAHQgd2YWx1ZV8zSggBAAAAAAAAACoREAFCB3ZhbHVlXzVKBAAA"
    "QMBaHgoLb2JzZXJ2YXRpb24SDwoNCAESCQoDEgFOCgIICmIZCgZhY3Rpb24SDwoNCAESCQoDEgFOCgIIAkIECgAQFQ=="
)
#: Of CartPole: push right where the pole leans further, in radians, than the cart moves, in m/s.
CARTPOLE = base64.b64decode(
    "CAoSCmdyb3VuZHR3aW46kwIKTQoLb2JzZXJ2YXRpb24KB3ZhbHVlXzEKB3ZhbHVlXzIKB3ZhbHVlXzESDWdyYXBoL1NsaWNlXzMaDWdyYXBoL1NsaWNl"
    "XzMiBVNsaWNlCk0KDWdyYXBoL1NsaWNlXzMSBmFjdGlvbhoOZ3JhcGgvQXJnTWF4XzQiBkFyZ01heCoLCgRheGlzGAGgAQIqDwoIa2VlcGRpbXMYAKAB"
    "AhIKZ3JvdW5kdHdpbioXCAEQB0IHdmFsdWVfMUoIAQAAAAAAAAAqFwgBEAdCB3ZhbHVlXzJKCAMAAAAAAAAAWh4KC29ic2VydmF0aW9uEg8KDQgBEgkK"
    "AxIBTgoCCARiFQoGYWN0aW9uEgsKCQgHEgUKAxIBTkIECgAQFQ=="
)
