"""Several engines behind one port: the first that is well serves, and one that fails is left alone for a while."""
