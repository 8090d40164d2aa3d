"""Measurements that anybody can repeat; each module's `run` returns its figures, with their goals."""
