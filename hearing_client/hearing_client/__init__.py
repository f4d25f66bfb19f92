"""Ears in another process: contracts.hearing over a WebSocket to asr-server."""
