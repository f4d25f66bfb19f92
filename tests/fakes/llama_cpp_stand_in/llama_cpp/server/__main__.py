"""Stands in for `python -m llama_cpp.server`: its command line and its API, without a model.

A model whose name begins with "broken" ends it at the start; the question "die" ends it in the middle of an answer.
"""

import argparse
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

parser = argparse.ArgumentParser()
for name in ("model", "host", "port", "n_gpu_layers", "n_ctx"):
    parser.add_argument(f"--{name}", required=True)
asked = parser.parse_args()
if Path(asked.model).name.startswith("broken"):
    raise SystemExit(3)


def _deltas(body: dict, question: str) -> list[dict]:
    """What is asked for in words of the tests; else what this process is."""
    if body["messages"][-1]["role"] == "tool":
        return [{"content": "It is at 50."}]
    if "fifty" in question and body.get("tools"):
        function = {"name": body["tools"][0]["function"]["name"], "arguments": '{"volume": 50}'}
        return [{"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}]
    words = (f"pid {os.getpid()}", f" layers {asked.n_gpu_layers}", f" context {asked.n_ctx}", " hello")
    return [{"content": word} for word in words]


def _stream(deltas: list[dict]) -> str:
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


class Api(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer("application/json", json.dumps({"data": [{"id": asked.model}]}).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        question = body["messages"][-1]["content"]
        if question == "die":
            os._exit(9)
        self._answer("text/event-stream", _stream(_deltas(body, question)).encode())

    def _answer(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer((asked.host, int(asked.port)), Api).serve_forever()
