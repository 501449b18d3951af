"""Checks of the preflight: what they refuse, and what is skipped for them."""

from tasks.results.checks import Check, skips


def test_the_first_check_says_why_something_is_skipped() -> None:
    """A later one says the same in other words; what it alone skips is skipped too."""
    by_label = Check("pod security", "ns", "warn", "no hostPath", "another one", ("hostPath",))
    by_trial = Check("admission", "a pod", "warn", "refused", "a field", ("hostPath", "local"))
    assert skips([by_label, by_trial]) == {
        "hostPath": "no hostPath; another one",
        "local": "refused; a field",
    }
