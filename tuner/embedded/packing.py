"""Conversations as rows of tokens, several in each row, none of which sees another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from transformers import PreTrainedTokenizerFast

from tuner.embedded.corpus import KINDS, Kinds, conversations
from tuner.embedded.make_tokenizer import ASSISTANT, END, SYSTEM, USER
from tuner.embedded.texts import Conversation

IGNORED = -100
_POOL = 2_000  # conversations encoded at a time
ROW = 128  # tokens of a packed row
_LONGEST = 384  # tokens of a row of long conversations; a longer one is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One conversation in tokens; the mask marks what the model has to say."""

    ids: list[int]
    said: list[bool]


class Encoder:
    """Turns conversations into rows just as the chat template does, without its cost."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        ids = tokenizer.convert_tokens_to_ids([END, SYSTEM, USER, ASSISTANT])
        self._end, self._roles = ids[0], dict(zip(("system", "user", "assistant"), ids[1:], strict=True))

    def rows(self, talks: Sequence[Conversation]) -> list[Row]:
        """One row a conversation, in order."""
        contents = [message["content"] for talk in talks for message in talk]
        encoded = iter(self._tokenizer(contents, add_special_tokens=False, return_attention_mask=False)["input_ids"])
        return [self._row(talk, encoded) for talk in talks]

    def _row(self, talk: Conversation, encoded: Iterator[list[int]]) -> Row:
        ids: list[int] = []
        said: list[bool] = []
        for message in talk:
            content = next(encoded)
            ids += [self._roles[message["role"]], *content, self._end]
            said += [False] + [message["role"] == "assistant"] * (len(content) + 1)
        return Row(ids=ids, said=said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Several conversations in each row, none of which sees another."""

    ids: torch.Tensor  # (rows, length) int64
    targets: torch.Tensor  # (rows, length) int64, IGNORED where nothing is learnt
    mask: torch.Tensor  # (rows, 1, length, length) bool, true where a token may look


def batches(
    encoder: Encoder, seed: int, spellings: Sequence[str], tokens: int, kinds: Kinds = KINDS
) -> Iterator[Batch]:
    """Endless batches of about ``tokens`` tokens: conversations in the order of the corpus, so that each batch holds
    all kinds; the long ones wait until they fill a batch of their own."""
    source = conversations(seed, spellings, kinds)
    short: list[Row] = []
    long: list[Row] = []
    while True:
        for row in encoder.rows(list(islice(source, _POOL))):
            if len(row.ids) > _LONGEST:
                continue
            waiting, length = (short, ROW) if len(row.ids) <= ROW else (long, _LONGEST)
            waiting.append(row)
            if sum(len(one.ids) for one in waiting) >= tokens:
                yield pack(waiting, length)
                waiting.clear()


def pack(rows: Sequence[Row], length: int) -> Batch:
    """Lays the rows side by side into as few rows of ``length`` as first fit, longest first, finds."""
    laid: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: -len(row.ids)):
        fits = (one for one in laid if sum(len(each.ids) for each in one) + len(row.ids) <= length)
        place = next(fits, None)
        if place is None:
            laid.append([row])
        else:
            place.append(row)
    ids = torch.zeros(len(laid), length, dtype=torch.long)
    targets = torch.full((len(laid), length), IGNORED, dtype=torch.long)
    owner = torch.zeros(len(laid), length, dtype=torch.long)
    for index, together in enumerate(laid):
        start = 0
        for number, row in enumerate(together, 1):
            end = start + len(row.ids)
            ids[index, start:end] = torch.tensor(row.ids)
            owner[index, start:end] = number
            shifted = [token if said else IGNORED for token, said in zip(row.ids[1:], row.said[1:], strict=True)]
            targets[index, start : end - 1] = torch.tensor(shifted)
            start = end
    same = owner[:, :, None] == owner[:, None, :]
    return Batch(ids=ids, targets=targets, mask=(same & torch.ones(length, length, dtype=torch.bool).tril())[:, None])
