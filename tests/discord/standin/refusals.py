"""How Discord says no: an HTTP status, a code and a sentence, kept in one place."""

from typing import Any


class Refusal(Exception):
    """An answer other than 2xx. `errors` is the tree of an Invalid Form Body."""

    def __init__(self, status: int, code: int, message: str, errors: dict[str, Any] | None = None) -> None:
        super().__init__(f"{status} {code}: {message} {errors or ''}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def body(self) -> dict[str, Any]:
        made: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.errors:
            made["errors"] = self.errors
        return made


def unauthorized() -> Refusal:
    return Refusal(401, 0, "401: Unauthorized")


def unknown(what: str) -> Refusal:
    codes = {"Application": 10002, "Channel": 10003, "Guild": 10004, "Member": 10007, "Message": 10008, "Role": 10011,
             "User": 10013, "Emoji": 10014, "Webhook": 10015, "interaction": 10062, "application command": 10063}
    return Refusal(404, codes[what], f"Unknown {what}")


def missing_access() -> Refusal:
    return Refusal(403, 50001, "Missing Access")


def missing_permissions() -> Refusal:
    return Refusal(403, 50013, "Missing Permissions")


def empty_message() -> Refusal:
    return Refusal(400, 50006, "Cannot send an empty message")


def foreign_message() -> Refusal:
    return Refusal(403, 50005, "Cannot edit a message authored by another user")


def archived() -> Refusal:
    return Refusal(400, 50083, "Thread is archived")


def thread_exists() -> Refusal:
    return Refusal(400, 160004, "A thread has already been created for this message")


def closed_to_messages() -> Refusal:
    return Refusal(403, 50007, "Cannot send messages to this user")


def too_large() -> Refusal:
    return Refusal(413, 40005, "Request entity too large")


def already_acknowledged() -> Refusal:
    return Refusal(400, 40060, "Interaction has already been acknowledged.")


def dead_token() -> Refusal:
    return Refusal(401, 50027, "Invalid Webhook Token")


def too_many_old_edits() -> Refusal:
    return Refusal(429, 30046, "Maximum number of edits to messages older than 1 hour reached. Try again later.")


def bad_form(faults: dict[str, str]) -> Refusal:
    """An Invalid Form Body. `faults`: dotted path -> sentence."""
    tree: dict[str, Any] = {}
    for path, sentence in faults.items():
        node = tree
        for part in path.split("."):
            node = node.setdefault(part, {})
        node["_errors"] = [{"code": "BASE_TYPE_BAD", "message": sentence}]
    return Refusal(400, 50035, "Invalid Form Body", tree)
