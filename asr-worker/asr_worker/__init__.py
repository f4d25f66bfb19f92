"""Recognisers."""

import os

# onnxruntime's Linux wheels report to their maker from 1.29 on unless this is set before they are imported, and every
# import of one of ours comes after this line. Nothing leaves the machine that its owner has not sent.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
