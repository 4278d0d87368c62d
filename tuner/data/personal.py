"""Personal data, secrets and control tokens in texts. Names kinds only: what was found is never repeated.

Built to stay quiet on prices, dates, order numbers, postcodes and free hotlines; a warning that cries wolf is not read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

Kind = Literal["email", "phone", "card", "my_number", "key", "password"]

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9_.+-])[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}"
    r"@((?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24})(?![A-Za-z0-9_-])"
)
_EXAMPLE_HOSTS = re.compile(
    r"(?:^|\.)(?:example|test|invalid|localhost)(?:\.(?:com|org|net|jp|co\.jp))?$", re.IGNORECASE
)

_LONG_NUMBER = re.compile(r"[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){8}")
"""Nine digits with little between them: fewer are no telephone number."""
_EDGE = r"(?<![A-Za-z0-9_./,-])"  # not \w, which Japanese letters are
_END = r"(?![\d/]|[-.,]\d)"
_PHONES = (
    re.compile(_EDGE + r"0[789]0[- ]?\d{4}[- ]?\d{4}" + _END),
    re.compile(_EDGE + r"\(?0\d{1,4}\)?[- ]\(?\d{1,4}\)?[- ]\d{3,4}" + _END),
    re.compile(_EDGE + r"\(0\d{1,4}\) ?\d{1,4}[- ]\d{4}" + _END),
    re.compile(r"(?<![A-Za-z0-9_+])\+\d{1,3}[- ]?(?:\(0?\))?[- ]?(?:\d[- ]?){7,12}\d" + _END),
    re.compile(_EDGE + r"(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}" + _END),
)
_HOTLINE = re.compile(r"^(?:0120|0800|0570|0990)")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−ーｰ－", "-"))

_CARD = re.compile(r"(?<![\d-])(?:\d[ -]?){12,18}\d(?![\d-])")
_CARD_STARTS = re.compile(
    r"^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|5\d\d)\d{12})$"
)
_MY_NUMBER = re.compile(r"(?<!\d)\d{4}[- ]?\d{4}[- ]?\d{4}(?!\d)")
_MY_NUMBER_WORD = re.compile(r"マイナンバー|個人番号|my ?number", re.IGNORECASE)

_KEYS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{40,}"
    r"|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\bxox[abeprs]-[A-Za-z0-9-]{10,}"
    r"|\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}"
    r"|\b[sr]k_live_[A-Za-z0-9]{16,}"
    r"|\bAIza[0-9A-Za-z_-]{35}"
    r"|\bhf_[A-Za-z0-9]{30,}"
    r"|\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
)
_PASSWORD = re.compile(
    r"(?:\bpass(?:word|wd|phrase)?|\bpwd|\bsecret(?:[ _-]?key)?|\bapi[ _-]?key|\baccess[ _-]?token"
    r"|パスワード|暗証番号|秘密鍵)"
    r"[\"']?\s{0,3}(?:[=:]|は|\bis\b)\s{0,3}[\"'「]?([!-~]{4,80})",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"^[<\[{(%$*#]|^(.)\1+$|your|example|x{3,}|\*{3,}|\.{3,}|none|null", re.IGNORECASE)

_CONTROL = re.compile(
    r"<\|[a-z0-9_▁-]{2,40}\|>|<｜[^｜<>]{2,40}｜>|\[/?INST\]|<</?SYS>>|</s>|<s>|<(?:start|end)_of_turn>"
    r"|<(?:bos|eos|pad|unk|mask)>|\[/?(?:AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]",
    re.IGNORECASE,
)


def personal_data(text: str) -> frozenset[Kind]:
    """Promises the kinds of personal data and secrets in `text`; width of digits and form of dashes do not matter."""
    folded = unicodedata.normalize("NFKC", text)
    found: set[Kind] = set()
    if _LONG_NUMBER.search(folded):
        found |= _numbers(folded)
    if "@" in folded and any(not _EXAMPLE_HOSTS.search(match[1]) for match in _EMAIL.finditer(folded)):
        found.add("email")
    if _KEYS.search(folded):
        found.add("key")
    if any(_is_secret(match[1]) for match in _PASSWORD.finditer(folded)):
        found.add("password")
    return frozenset(found)


def _numbers(folded: str) -> set[Kind]:
    digits = folded.translate(_DASHES)
    found: set[Kind] = set()
    if any(_is_phone(match[0]) for pattern in _PHONES for match in pattern.finditer(digits)):
        found.add("phone")
    if any(_is_card(match[0]) for match in _CARD.finditer(digits)):
        found.add("card")
    if _MY_NUMBER_WORD.search(folded) and any(_is_my_number(match[0]) for match in _MY_NUMBER.finditer(digits)):
        found.add("my_number")
    return found


def control_tokens(text: str, own: Iterable[str] = ()) -> tuple[str, ...]:
    """Promises the control tokens of chat formats in `text`, those of the model at hand (`own`) included, sorted."""
    found = {match[0] for match in _CONTROL.finditer(text)} if any(sign in text for sign in "<[") else set()
    found.update(token for token in own if token in text)
    return tuple(sorted(found))


def _only_digits(text: str) -> str:
    return "".join(character for character in text if character.isdecimal())


def _is_phone(text: str) -> bool:
    digits = _only_digits(text)
    if text.startswith("+"):
        return 9 <= len(digits) <= 15
    if digits.startswith("0"):
        return len(digits) in (10, 11) and not _HOTLINE.match(digits)
    return len(digits) == 10


def _is_card(text: str) -> bool:
    digits = _only_digits(text)
    if not _CARD_STARTS.match(digits) or len(set(digits)) == 1:
        return False
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _is_my_number(text: str) -> bool:
    """By its check digit (ordinance 85 of 2014 of the Ministry of Internal Affairs, article 5)."""
    digits = [int(digit) for digit in reversed(_only_digits(text))]
    rest = sum(digit * (place + 1 if place <= 6 else place - 5) for place, digit in enumerate(digits[1:], 1)) % 11
    return digits[0] == (0 if rest <= 1 else 11 - rest)


def _is_secret(value: str) -> bool:
    """True for what looks made up to be secret: digits among letters or signs, and no placeholder."""
    value = value.rstrip(".,;:!?)」\"'")
    if len(value) < 4 or _PLACEHOLDER.search(value) or "://" in value:
        return False
    has_digit = any(character.isdigit() for character in value)
    has_other = any(not character.isdigit() for character in value)
    return (has_digit and has_other and len(value) >= 6) or (value.isdigit() and len(value) >= 4)
