"""A board in software: speaks like an ESP32 toy with the xiaozhi firmware, to any server that speaks its protocol."""
