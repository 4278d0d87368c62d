"""Trains the byte-level BPE tokenizer on the generator's own texts and writes it in Hugging Face form."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tuner.embedded import copying
from tuner.embedded.corpus import conversations
from tuner.embedded.names import common

VOCABULARY = 4096
MAX_POSITIONS = 1024
PAD, END, SYSTEM, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"
SPECIAL = (PAD, END, SYSTEM, USER, ASSISTANT)

_SEED = 11
_CONVERSATIONS = 30_000
_LONGEST_PIECE = 12  # characters
_CHARACTERS = 1500
_WORD_REPEATS = 12
_SPLIT = r"'(?:s|t|re|ve|m|ll|d)\b| ?\p{Latin}+|\d|\p{Hiragana}+|[\p{Katakana}ー]+|[\p{Han}々]+| ?[^\s\p{L}\d]+|\s+|."
_IMPOSSIBLE_IN_UTF8 = {0xC0, 0xC1, *range(0xF5, 0x100)}
_TEMPLATE = Path(__file__).resolve().parent / "texts" / "chat_template.jinja"


def make_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Trains and saves the tokenizer."""
    vocabulary, merges = _byte_level(*_learn_pieces())
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        model_max_length=MAX_POSITIONS,
        clean_up_tokenization_spaces=False,
        padding_side="right",
    )
    fast.chat_template = _TEMPLATE.read_text("utf-8").strip()
    fast.save_pretrained(folder)
    return fast


def _learn_pieces() -> tuple[list[str], list[tuple[str, str]]]:
    """Characters worth a token and the merges of whole characters, most frequent first."""
    texts = list(_texts())
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated")
    counted = Counter(character for text in texts for character in text)
    frequent = sorted(counted, key=lambda character: (-counted[character], character))[:_CHARACTERS]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=frequent,  # chosen here: the trainer breaks ties differently each time
        limit_alphabet=_CHARACTERS,
        max_token_length=_LONGEST_PIECE,
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer=trainer)
    learnt = json.loads(learner.to_str())["model"]
    return sorted(piece for piece in learnt["vocab"] if len(piece) == 1), [tuple(pair) for pair in learnt["merges"]]


def _byte_level(characters: list[str], merges: list[tuple[str, str]]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The same pieces over bytes: first bytes become characters, then characters become pieces, so that no token
    ever holds the end of one character and the beginning of the next."""
    letters = _letters()

    def spelled(text: str) -> str:
        return "".join(letters[byte] for byte in text.encode())

    joins: dict[tuple[str, str], None] = {}
    for character in characters:
        whole = spelled(character)
        for end in range(2, len(whole) + 1):
            joins[(whole[: end - 1], whole[end - 1])] = None
    pieces = [*SPECIAL, *possible_bytes(), *(left + right for left, right in joins)]
    pairs = list(joins)
    for left, right in merges:
        if len(pieces) == VOCABULARY:
            break
        pieces.append(spelled(left + right))
        pairs.append((spelled(left), spelled(right)))
    return {piece: index for index, piece in enumerate(pieces)}, pairs


def possible_bytes() -> list[str]:
    """The 243 bytes that may stand in UTF-8, each as the letter that byte-level BPE writes for it."""
    return [letter for byte, letter in _letters().items() if byte not in _IMPOSSIBLE_IN_UTF8]


def _letters() -> dict[int, str]:
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in plain}
    for index, byte in enumerate(byte for byte in range(256) if byte not in letters):
        letters[byte] = chr(256 + index)
    return dict(sorted(letters.items()))


def _texts() -> Iterator[str]:
    rng = random.Random(_SEED)
    for conversation in islice(conversations(_SEED), _CONVERSATIONS):
        yield from (message["content"] for message in conversation)
    for _ in range(_CONVERSATIONS):
        yield " ".join(common(rng, "en") for _ in range(4))
        yield "、".join(common(rng, "ja") for _ in range(4))
    for _ in range(_WORD_REPEATS):
        yield from copying.kanji_list()[:1200]


def spellings(tokenizer: PreTrainedTokenizerFast) -> tuple[list[str], list[int]]:
    """For each token a text whose encoding holds it; and the tokens for which none was found."""
    plain = [index for index in range(len(tokenizer)) if index not in set(tokenizer.all_special_ids)]
    found: dict[int, str] = {}
    for text in [tokenizer.decode([index]) for index in plain] + copying.kanji_list() + copying.characters():
        if "�" in text:
            continue
        for index in tokenizer.encode(text, add_special_tokens=False):
            found.setdefault(index, text)
    missing = [index for index in plain if index not in found]
    return [found[index] for index in plain if index in found], missing
