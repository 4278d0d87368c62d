"""What a sentence points at: a job, a trial, a data set, a model."""

from __future__ import annotations

from bot.language.references.found import References
from bot.language.references.names import find_names
from bot.language.tokens.view import View
from bot.language.vocabulary.small_words import small_words


def find_references(view: View) -> References:
    """The job, trial, data set and model that the tokens name."""
    found = References()
    for i in range(view.size):
        if i in found.used:
            continue
        _hash_number(view, i, found)
        _plain_number(view, i, found)
        _numbered(view, i, found)
        _named(view, i, found)
    find_names(view, found)
    return found


def _hash_number(view: View, i: int, found: References) -> None:
    if view.text(i) == "#" and view.number(i + 1):
        value = int(view.tokens[i + 1].value or 0)
        if view.has(i - 1, "ref:trial"):
            found.trial = value
        else:
            found.job = value
        found.used |= {i, i + 1}


def _plain_number(view: View, i: int, found: References) -> None:
    """ "pause number 52": what is acted upon by its number alone."""
    acted = view.has(i - 1, "verb:pause", "verb:stop", "verb:resume", "verb:extend")
    ends = i + 1 == view.size or view.tokens[i + 1].kind == "sym" or view.has(i + 1, "say:words", "benign:words")
    held = view.has(i - 1, "verb:pause", "verb:resume", "verb:stop") or (
        view.text(i - 1).lower() == "on" and view.has(i - 2, "verb:status")
    )
    if view.number(i) and held and ends and found.job is None and view.text(i).isascii():
        found.job = int(_value(view, i))  # "unpause 12", "any progress on 14?"
        found.used.add(i)
    if acted and view.text(i).lower() in ("number", "no.", "nr", "nr.") and view.number(i + 1):
        found.job = int(_value(view, i + 1))
        found.used |= {i, i + 1}


def _numbered(view: View, i: int, found: References) -> None:
    if _pair(view, i, found):
        return
    is_job, is_trial = view.has(i, "ref:job"), view.has(i, "ref:trial")
    if (is_job or is_trial) and not _number_behind(view, i, found, is_trial) and not _run_number(view, i, found):
        _number_before(view, i, found, is_job, is_trial)


def _pair(view: View, i: int, found: References) -> bool:
    """Trials 1 and 14, jobs 3 & 7, ジョブ3と7."""
    word = view.text(i).lower()
    if word not in ("trials", "jobs", "runs", "ジョブ") or view.number(i - 1) or not view.number(i + 1):
        return False
    joint = view.text(i + 2).lower()
    if joint not in small_words("second_of_pair") or joint in (",", "、") or not view.number(i + 3):
        return False
    if view.has(i + 4, "unit:trials", "unit:parallel") or {"w"} & {view.tokens[i + 1].flags, view.tokens[i + 3].flags}:
        return False
    found.used |= {i, i + 1, i + 3}
    found.trials_named += 2
    return True


def _number_behind(view: View, i: int, found: References, is_trial: bool) -> bool:
    """Job 3, trial number 5, 試行2と5."""
    plain = view.text(i).lower()
    at = i + 1
    if view.text(at).lower() in small_words("number_words"):
        at += 1
    if view.text(at) == "#":
        at += 1
    counts = _is_count(view, at) and not (plain == "job" and view.text(at + 1).lower() in ("at once", "together"))
    if not view.number(at) or plain.endswith("s") or counts or plain in small_words("no_number_behind"):
        return False
    written = view.text(at).lower()
    if _value(view, at) != int(_value(view, at)) or (written[:1].isdigit() and ("." in written or "e" in written)):
        return False  # "learning rate sweep 1e-5 to 1e-3"
    value = int(_value(view, at))
    found.used |= set(range(i, at + 1))
    if not is_trial:
        found.job = value
        return True
    found.trials_named += 1
    found.trial = value if found.trials_named == 1 or found.trial == value else None
    if view.text(at + 1).lower() in small_words("second_of_pair") and view.number(at + 2):
        found.used.add(at + 2)
        found.trials_named += 1
        found.trial = None
    return True


def _run_number(view: View, i: int, found: References) -> bool:
    """Words that also count: "run 3" is a trial, "run 3 trials" and "run 20" at the start are not."""
    if view.text(i).lower() not in ("run", "attempt", "experiment") or i == 0 or not view.number(i + 1):
        return False
    if "w" in view.tokens[i + 1].flags or _is_count(view, i + 1) or view.has(i - 1, "unit:more"):
        return False
    if view.has(i + 2, "unit:more"):
        return False  # "let job 4 run 30 more trials"
    if not _ends(view, i + 2):
        return False
    found.trial = int(_value(view, i + 1))
    found.used |= {i, i + 1}
    return True


def _number_before(view: View, i: int, found: References, is_job: bool, is_trial: bool) -> None:
    """4番のジョブ, 3rd trial, the first trial."""
    plain = view.text(i).lower()
    before = i - 2 if view.text(i - 1) in ("の", "番", "番の", "号", "目") else i - 1
    if isinstance(found.trial, int) and view.text(before) == "一":
        return  # 試行6が一番: the best, not the first
    if plain.startswith(("番", "回目")) or view.text(i - 1) in ("番", "番目", "番の"):
        if view.number(before) and before not in found.used:
            named = "試行" in plain or "トライアル" in plain or "回目" in plain or (is_trial and not is_job)
            _set(view, before, found, named)
            found.used |= set(range(before, i + 1))
        return
    if not 0 <= before < view.size:
        return
    if view.tokens[before].kind == "num" and "o" in view.tokens[before].flags:
        _set(view, before, found, is_trial)
        found.used |= {before, i}
        return
    ordinal = next((label for label in view.tokens[before].labels if label.startswith("ordinal:")), None)
    if ordinal and is_trial:
        found.trial = int(ordinal[8:])
        found.used |= {before, i}


def _set(view: View, at: int, found: References, is_trial: bool) -> None:
    value = int(_value(view, at))
    if is_trial:
        found.trial = value
    else:
        found.job = value


def _value(view: View, at: int) -> float:
    value = view.tokens[at].value or 0
    return value if value == value and abs(value) < 1e15 else 0


def _ends(view: View, at: int) -> bool:
    return at >= view.size or view.tokens[at].kind in ("sym", "kana") or not view.has(at, "unit:trials", "op:to")


def _is_count(view: View, at: int) -> bool:
    """True when the number counts something: "job 3 trials" never, "20 trials" yes."""
    return (
        view.has(at + 1, "unit:trials", "unit:parallel")
        and not view.has(at + 1, "ref:job")
        and view.text(at + 1) not in small_words("counted")
    )


def _named(view: View, i: int, found: References) -> None:
    if view.has(i, "ref:last_job") or (view.has(i, "ref:last") and (view.has(i + 1, "ref:job"))):
        found.job = "last" if found.job is None else found.job
    best = view.has(i, "ref:best_trial") or (
        view.has(i, "verb:best", "super:words") and view.text(i + 1) == "の" and view.has(i + 2, "object:model")
    )
    if best and found.trial is None:
        found.trial = "best"
