"""Trends and early warning: what is usual in a small state, and what is not. Pure numbers, no clock, no language."""
