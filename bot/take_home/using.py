"""The commands of a model card: how the adapter and the merged model are used elsewhere. Code, no sentence."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from bot.phrases import Language, say

_ASK = """\
messages = [{{"role": "user", "content": {hello}}}]
inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
answer = model.generate(**inputs, max_new_tokens=128, do_sample=False)
print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))"""

_PEFT = """\
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = {base}
tokenizer = AutoTokenizer.from_pretrained(base)
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), ".")
"""

_MERGED = """\
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("merged")
model = AutoModelForCausalLM.from_pretrained("merged")
"""

_GGUF = """\
git clone https://github.com/ggml-org/llama.cpp
pip install -r llama.cpp/requirements.txt
python llama.cpp/convert_hf_to_gguf.py merged --outfile model.gguf --outtype f16"""

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes for --max-lora-rank."""


def using(facts: Mapping[str, Any], language: Language) -> Iterator[str]:
    """Promises the section on use: peft, the merged model where it is there, vLLM, another Onsa."""
    contents = facts["contents"]
    base = "base" if contents["base"] else str(facts["base"]["name"])
    yield f"## {say('take_home.card.use', language)}"
    yield say("take_home.card.use_peft", language)
    ask = _ASK.format(hello=json.dumps(say("take_home.card.hello", language), ensure_ascii=False))
    yield _block("python", _PEFT.format(base=json.dumps(base)) + ask)
    if contents["merged"]:
        yield say("take_home.card.use_merged", language)
        yield _block("python", _MERGED + ask)
    yield say("take_home.card.use_vllm", language)
    options = f"--enable-lora --max-lora-rank {_rank(facts)} --lora-modules tuned=."
    yield _block("sh", f"vllm serve {shlex.quote(base)} {options}")
    yield say("take_home.card.use_onsa", language)
    yield _block("sh", "onsa import .")


def gguf(facts: Mapping[str, Any], language: Language) -> Iterator[str]:
    """Promises the section on GGUF: that it is there, how it is made, or that there is none."""
    contents = facts["contents"]
    yield f"## {say('take_home.card.gguf', language)}"
    if contents["gguf"]:
        yield say("take_home.card.gguf_here", language)
    elif facts["base"]["origin"] == "embedded":
        yield say("take_home.card.gguf_no", language, {"base": facts["base"]["name"]})
    else:
        yield say("take_home.card.gguf_how", language, {"merged": contents["merged"]})
        yield _block("sh", _GGUF)


def _rank(facts: Mapping[str, Any]) -> int:
    rank = int(facts["trial"]["settings"].get("lora_rank", RANKS[1]))
    return next((allowed for allowed in RANKS if allowed >= rank), RANKS[-1])


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"
