"""`onsa explain`: a recorded search from a file in words. The findings come from a child process; no job is touched."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from bot.explain import Explanation, explain
from bot.phrases import Language, problem_sentences, say
from tuner.events import report_from_json
from tuner.problems import Problem

TIMEOUT_S = 600.0


def explain_recording(path: str, language: Language, *, as_json: bool) -> int:
    """Prints what the recording shows. Promises 0, or 2 with a sentence a problem when the file cannot be used."""
    answer = _answer(path)
    if "problems" not in answer:
        spelled = answer.pop("spelled", {})
        found = report_from_json(answer)
        text = written(explain(found, language), language)
        if as_json:
            findings = [_as_spelled(dataclasses.asdict(finding), spelled) for finding in found.findings]
            text = json.dumps({"findings": findings, "text": text}, ensure_ascii=False)
        sys.stdout.write(text + "\n")
        return 0
    problems = tuple(Problem.from_json(problem) for problem in answer["problems"])
    for sentence in problem_sentences(problems, language):
        sys.stderr.write(sentence + "\n")
    return 2


def _answer(path: str) -> dict[str, Any]:
    """The analysis holds heavy libraries, so it runs beside this process. Raises RuntimeError when it breaks."""
    done = subprocess.run(
        [sys.executable, "-m", "tuner.analysis", path], stdout=subprocess.PIPE, check=False, timeout=TIMEOUT_S
    )
    if done.returncode not in (0, 2):
        raise RuntimeError(f"the analysis must end with 0 or 2, got {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _as_spelled(value: Any, spelled: Mapping[str, str], *, is_name: bool = False) -> Any:
    """Facts with the knobs as the recording calls them: under `name` and `names`, and as keys of settings."""
    if isinstance(value, Mapping):
        return {spelled.get(key, key): _as_spelled(one, spelled, is_name=key in ("name", "names", "suspect"))
                for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_as_spelled(one, spelled, is_name=is_name) for one in value]
    return spelled.get(value, value) if is_name and isinstance(value, str) else value


def written(said: Explanation, language: Language) -> str:
    """Promises the whole explanation as plain text: the answer first, the numbers behind it last."""
    parts = [said.headline]
    steps = []
    for index, suggestion in enumerate(said.next, 1):
        steps.append(f"{index}. {suggestion.sentence}")
        if suggestion.command_text:
            steps.append(say("replies.report.command", language, {"command": suggestion.command_text}))
    sections = (("mattered", said.what_mattered), ("wrong", said.what_went_wrong), ("next", steps),
                ("details", said.details))
    for title, sentences in sections:
        if sentences:
            parts += ["", say(f"replies.report.title_{title}", language), *sentences]
    return "\n".join(parts)
