"""Puts an export into a repository of a model hub through huggingface_hub's own API. Knows no sentence and no store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils._validators import validate_repo_id

from tuner.checkpoints.package import FACTS
from tuner.problems import Problem, ProblemError

TRANSPORT: type[Exception] = HfHubHTTPError.__bases__[0]
"""What the client's own HTTP library raises where nobody answers: httpx's or httpx2's, by the client's version."""
MODELS = ("merged/", "base/", "model.gguf")
"""What an export may hold beside its adapter."""
MESSAGE = "Upload a fine-tuned adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    url: str
    """Of the repository, for people."""
    commit: str
    """Of what was written there."""


def push(folder: Path, repository: str, token: str, *, public: bool = False) -> Pushed:
    """Promises the folder's files in `repository`, in one commit, private unless `public`. A repository that Onsa wrote
    before gets a further commit, in which older models that are not wanted any more go; any other is left alone.

    Raises ProblemError `hub.*`: no token, token refused, name bad, taken, forbidden or public, no network, cut off.
    """
    if not token:
        raise ProblemError([Problem(key="hub.no_token", facts={"repository": repository})])
    api = HfApi(token=token, library_name="onsa")
    facts = {"repository": repository, "endpoint": api.endpoint}
    try:
        return _push(api, folder, repository, public=public)
    except HFValidationError as error:
        raise ProblemError([Problem(key="hub.bad_name", facts=dict(facts))]) from error
    except OfflineModeIsEnabled as error:
        raise ProblemError([Problem(key="hub.offline", facts=dict(facts))]) from error
    except (TRANSPORT, ConnectionError, TimeoutError, ValueError, RuntimeError) as error:
        raise ProblemError([_problem_of(error, facts)]) from error


def _push(api: HfApi, folder: Path, repository: str, *, public: bool) -> Pushed:
    validate_repo_id(repository)
    if "/" not in repository:
        raise HFValidationError(f"a repository is OWNER/NAME, got {repository}")
    api.whoami()
    there: set[str] = set()
    try:
        url = str(api.create_repo(repository, private=not public, exist_ok=False))
    except HfHubHTTPError as error:
        if error.response.status_code != 409:
            raise
        there = _existing(api, repository, public=public)
        url = f"{api.endpoint}/{repository}"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    gone = [CommitOperationDelete(name) for name in sorted(there - set(names)) if name.startswith(MODELS)]
    added = [CommitOperationAdd(name, path) for name, path in names.items()]
    commit = api.create_commit(repository, [*added, *gone], commit_message=MESSAGE)
    return Pushed(url=url, commit=commit.oid)


def _existing(api: HfApi, repository: str, *, public: bool) -> set[str]:
    """The files of a repository that may be written to again. Raises ProblemError for one that is somebody else's work,
    or that everybody could read."""
    facts = {"repository": repository, "endpoint": api.endpoint}
    found = api.model_info(repository)
    files = {file.rfilename for file in found.siblings or ()}
    if FACTS not in files:
        raise ProblemError([Problem(key="hub.taken", facts=dict(facts))])
    if not public and not found.private:
        raise ProblemError([Problem(key="hub.is_public", facts=dict(facts))])
    return files


def _problem_of(error: BaseException, facts: dict[str, str]) -> Problem:
    """The uploader wraps what stopped a large file in a RuntimeError."""
    if isinstance(error, RuntimeError) and error.__cause__ is not None:
        return _problem_of(error.__cause__, facts)
    if not isinstance(error, HfHubHTTPError):
        if isinstance(error, (TRANSPORT, ConnectionError, TimeoutError)):
            return Problem(key="hub.no_network", facts=dict(facts))
        return Problem(key="hub.refused", facts={**facts, "status": None, "said": str(error)[:200]})
    status = error.response.status_code
    if status == 401:
        return Problem(key="hub.token_refused", facts=dict(facts))
    if status == 403:
        return Problem(key="hub.forbidden", facts=dict(facts))
    said = (error.server_message or str(error).splitlines()[0])[:200]
    return Problem(key="hub.refused", facts={**facts, "status": status, "said": said})
