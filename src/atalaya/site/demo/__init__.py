"""The demonstration: a fictional state and ninety days of what its team would have received."""
