"""Questions that people keep, and the alarms that new files raise on them."""
