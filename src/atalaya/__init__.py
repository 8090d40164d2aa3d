"""Atalaya: the watchtower of a national CSIRT."""

__version__ = "0.1.0"
