"""Where the sound of talks is kept: files under keys, encrypted, in a folder or in a bucket."""
