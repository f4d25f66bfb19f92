"""Speech engines, found by their entry point in the group `zhiyin.synthesizers`."""
