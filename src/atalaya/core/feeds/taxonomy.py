"""Which taxonomy each class of events belongs to: RSIT, and IntelMQ's additions to it."""

from __future__ import annotations

_TYPES: dict[str, tuple[str, ...]] = {
    "abusive-content": ("spam", "harmful-speech", "violence"),
    "malicious-code": ("infected-system", "c2-server", "malware-distribution", "malware-configuration"),
    "information-gathering": ("scanner", "sniffing", "social-engineering"),
    "intrusion-attempts": ("ids-alert", "brute-force", "exploit"),
    "intrusions": (
        "privileged-account-compromise", "unprivileged-account-compromise", "application-compromise",
        "system-compromise", "burglary",
    ),
    "availability": ("dos", "ddos", "misconfiguration", "sabotage", "outage"),
    "information-content-security": (
        "unauthorised-information-access", "unauthorised-information-modification", "data-loss", "data-leak",
    ),
    "fraud": ("unauthorised-use-of-resources", "copyright", "masquerade", "phishing"),
    "vulnerable": (
        "weak-crypto", "ddos-amplifier", "potentially-unwanted-accessible", "information-disclosure",
        "vulnerable-system",
    ),
    "other": ("blocklist", "dga-domain", "malware", "other", "proxy", "tor", "undetermined"),
    "test": ("test",),
}  # fmt: skip

TAXONOMY: dict[str, str] = {type_: taxonomy for taxonomy, types in _TYPES.items() for type_ in types}
"""Class -> taxonomy."""
