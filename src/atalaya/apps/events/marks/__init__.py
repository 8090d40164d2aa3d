"""The owner's word about a finding: solved, wrong, or a risk that is accepted; and the team's answer."""
