"""The rules table: what shall happen with events on their way in, said by the team in rows instead of code."""
