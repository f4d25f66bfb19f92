"""The mouth: speech engines behind contracts.speech.Synthesizer, one file each in `engines`."""
