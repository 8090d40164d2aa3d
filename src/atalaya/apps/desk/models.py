"""The desk keeps no tables: it reads all and writes nothing."""
