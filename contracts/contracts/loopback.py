"""Messages between main-server and the child processes it starts, over a loopback socket (TCP on 127.0.0.1).

A frame is: u32 big-endian header length, u32 body length, header (JSON object, UTF-8), body (raw bytes).
The first frame from the client carries `{"token": ...}`; anything else closes the connection. Then requests
`{"id": n, "kind": "...", ...}` and answers `{"id": n, "ok": true, ...}` or `{"id": n, "ok": false, "code", "message"}`.
"""
