"""What people call the classes of events: the Reference Security Incident Taxonomy and IntelMQ's additions to it."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

CLASSES: dict[str, Promise] = {
    "application-compromise": _("Compromised application"),
    "blocklist": _("Listed on a blocklist"),
    "brute-force": _("Login attempts"),
    "burglary": _("Burglary"),
    "c2-server": _("Command and control server"),
    "copyright": _("Copyright"),
    "data-leak": _("Leak of confidential information"),
    "data-loss": _("Loss of data"),
    "ddos": _("Distributed denial of service"),
    "ddos-amplifier": _("DDoS amplifier"),
    "dga-domain": _("Domain made by an algorithm"),
    "dos": _("Denial of service"),
    "exploit": _("New attack signature"),
    "harmful-speech": _("Harmful speech"),
    "ids-alert": _("Exploitation of known vulnerabilities"),
    "infected-system": _("Infected system"),
    "information-disclosure": _("Disclosure of information"),
    "malware": _("Malware"),
    "malware-configuration": _("Malware configuration"),
    "malware-distribution": _("Malware distribution"),
    "masquerade": _("Masquerade"),
    "misconfiguration": _("Misconfiguration"),
    "other": _("Uncategorised"),
    "outage": _("Outage"),
    "phishing": _("Phishing"),
    "potentially-unwanted-accessible": _("Potentially unwanted accessible service"),
    "privileged-account-compromise": _("Compromised privileged account"),
    "proxy": _("Proxy"),
    "sabotage": _("Sabotage"),
    "scanner": _("Scanning"),
    "sniffing": _("Sniffing"),
    "social-engineering": _("Social engineering"),
    "spam": _("Spam"),
    "system-compromise": _("Compromised system"),
    "test": _("Test"),
    "tor": _("Tor node"),
    "unauthorised-information-access": _("Unauthorised access to information"),
    "unauthorised-information-modification": _("Unauthorised change of information"),
    "unauthorised-use-of-resources": _("Unauthorised use of resources"),
    "undetermined": _("Undetermined"),
    "unprivileged-account-compromise": _("Compromised unprivileged account"),
    "violence": _("Sexual exploitation or violence"),
    "vulnerable-system": _("Vulnerable system"),
    "weak-crypto": _("Weak cryptography"),
}

SEVERITY_NAMES: tuple[Promise, ...] = (
    _("unknown"), _("info"), _("low"), _("medium"), _("high"), _("critical"),
)  # fmt: skip
"""Names of the ranks in `Finding.severity`."""


def class_name(code: str) -> str:
    """Name of a class in the reader's language; the code itself for one that we do not know."""
    return str(CLASSES.get(code, code))
