"""Why something is missing, in three words."""

import re

# The first that matches; most specific first.
REASONS = {
    r"may not (drain|touch)|storm may touch": "node not eligible",
    r"no space left|ENOSPC": "out of space",
    r"volume .*too small": "volume too small",
    r"Job \S+ is suspended": "Job was suspended",
    r"image": "image not usable",
    r"binding of PVC|not bound|unbound": "volume not bound",
    r"unschedulable|nodes? (are )?available|FailedScheduling": "could not schedule",
    r"OOM": "out of memory",
    r"evict": "pod was evicted",
    r"preparing the volume": "volume not prepared",
    r"cannot be read|ends early": "volume not readable",
    r"no record within|nothing written for": "no record came",
    r"is gone|was deleted|ended early": "pod was lost",
    r"did not happen within|timed? ?out|deadline": "timed out waiting",
    r"temporarily unavailable|EAGAIN": "too few AIOs",
    r"permission|forbidden|denied|may write": "was not permitted",
    r"input/output error|EIO": "input/output error",
}


def three_words(error: str) -> str:
    """A reason in three words; where no known one fits, the first three of its own."""
    for pattern, reason in REASONS.items():
        if re.search(pattern, error, re.IGNORECASE):
            return reason
    words = re.sub(r"^\w+: ", "", error).split()
    return " ".join(words[:3]) + ("…" if len(words) > 3 else "")
