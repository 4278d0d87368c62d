"""Interactions: opened by people, acknowledged in 3 s, alive for 15 minutes. Also the routes by token."""

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import Any

from standin import limits, limits_of_commands, objects, refusals
from standin.bodies import Body
from standin.calls import Call, Routes
from standin.news import News
from standin.posting import Posting
from standin.world import Channel, Message, User, World

Json = dict[str, Any]

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
REPLY, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
ACK_S = 3.0
ALIVE_S = 15 * 60.0


@dataclass(slots=True, kw_only=True, eq=False)
class Use:
    """One interaction: what a person did, and what came back."""

    id: int
    token: str
    kind: int
    user: User
    channel: Channel
    at: float
    name: str = ""  # of the command
    command_type: int = 1
    source: Message | None = None  # the message whose button or menu it was
    opener: "Use | None" = None  # of a modal
    acked: asyncio.Event = field(default_factory=asyncio.Event)
    acked_at: float = 0.0
    answer: int = 0  # the callback's type
    modal: Json | None = None
    choices: list[Json] = field(default_factory=list)
    original: Message | None = None
    replies: list[Message] = field(default_factory=list)  # original and followups, as sent

    @property
    def took_s(self) -> float:
        return self.acked_at - self.at


class Interactions:
    """All interactions; the routes of callbacks and of webhooks by token."""

    def __init__(self, world: World, posting: Posting, news: News) -> None:
        self.world = world
        self.posting = posting
        self.news = news
        self.by_token: dict[str, Use] = {}

    def table(self) -> Routes:
        hook = "/webhooks/{webhook_id}/{webhook_token}"
        routes: Routes = [("POST", "/interactions/{interaction_id}/{interaction_token}/callback", self.callback),
                          ("POST", hook, self.followup)]
        for name in ("@original", "{message_id}"):
            one = f"{hook}/messages/{name}"
            routes += [("GET", one, self.get), ("PATCH", one, self.edit), ("DELETE", one, self.delete)]
        return routes

    def open(self, *, kind: int, user: User, channel: Channel, **facts: Any) -> Use:
        use = Use(id=self.world.ids.next(), token=secrets.token_urlsafe(60), kind=kind, user=user, channel=channel,
                  at=self.world.clock.now(), **facts)
        self.by_token[use.token] = use
        return use

    async def callback(self, call: Call) -> Json | None:
        use = self.by_token.get(call.params["interaction_token"])
        now = self.world.clock.now()
        if use is None or use.id != call.id("interaction_id"):
            raise refusals.unknown("interaction")
        if use.answer:
            raise refusals.already_acknowledged()
        if now - use.at > ACK_S:
            raise refusals.unknown("interaction")
        body = Body(json=call.body.fields.get("data") or {}, files=call.body.files)
        kind = call.body.fields.get("type", 0)
        self._check_kind(use, kind)
        message = self._answer(use, kind, body)
        use.answer, use.acked_at = kind, self.world.clock.now()
        use.acked.set()
        if call.query.get("with_response", "").lower() not in ("1", "true"):
            return None
        made: Json = {"interaction": {"id": str(use.id), "type": use.kind}}
        if message is not None:
            made["interaction"] |= {"response_message_id": str(message.id),
                                    "response_message_loading": bool(message.flags & limits.LOADING),
                                    "response_message_ephemeral": message.seen_only_by is not None}
            if kind in (REPLY, UPDATE):
                made["resource"] = {"type": kind, "message": objects.message(message, self.world)}
        return made

    def _check_kind(self, use: Use, kind: int) -> None:
        possible = {COMMAND: {REPLY, DEFER, MODAL}, COMPONENT: {REPLY, DEFER, DEFER_UPDATE, UPDATE, MODAL},
                    AUTOCOMPLETE: {CHOICES}, MODAL_SUBMIT: {REPLY, DEFER}}[use.kind]
        if use.kind == MODAL_SUBMIT and use.source is not None:
            possible = possible | {DEFER_UPDATE, UPDATE}
        if kind not in possible:
            raise refusals.bad_form({"type": f"Value of field \"type\" must be one of {sorted(possible)}."})

    def _answer(self, use: Use, kind: int, body: Body) -> Message | None:
        match kind:
            case 4 | 5:
                use.original = self._reply(use, body, loading=kind == DEFER)
                return use.original
            case 6 | 7:
                assert use.source is not None
                if kind == UPDATE:
                    self.posting.edit(use.source, body, counts=False)
                use.original = use.source
                return use.source if kind == UPDATE else None
            case 8:
                faults = limits_of_commands.choices_faults(body.fields.get("choices") or [])
                use.choices = body.fields.get("choices") or []
            case _:
                faults = limits_of_commands.modal_faults(body.fields)
                use.modal = body.fields
        if faults:
            raise refusals.bad_form(faults)
        return None

    def _reply(self, use: Use, body: Body, *, loading: bool = False, private: bool | None = None) -> Message:
        if private is None:
            private = bool((body.fields.get("flags") or 0) & limits.EPHEMERAL)
        type, reference = 0, None
        if use.original is None and use.kind == COMMAND:
            type = 20 if use.command_type == 1 else 23
        elif use.original is None and use.source is not None:
            type, reference = 19, (use.source, self._reference(use.source))
        made = self.posting.create(
            use.channel, self.world.bot, body, type=type, loading=loading, is_webhook=True, reference=reference,
            seen_only_by=use.user if private else None, interaction=self._metadata(use))
        use.replies.append(made)
        return made

    def _reference(self, source: Message) -> Json:
        made = {"type": 0, "message_id": str(source.id), "channel_id": str(source.channel.id)}
        return made | ({"guild_id": str(source.channel.guild.id)} if source.channel.guild else {})

    def _metadata(self, use: Use) -> Json:
        made: Json = {
            "id": str(use.id), "type": use.kind, "user": objects.user(use.user),
            "authorizing_integration_owners": {"0": str(use.channel.guild.id if use.channel.guild else 0)}}
        if use.kind == COMPONENT and use.source is not None:
            made["interacted_message_id"] = str(use.source.id)
        if use.opener is not None:
            made["triggering_interaction_metadata"] = self._metadata(use.opener)
        return made

    def _alive(self, call: Call) -> Use:
        use = self.by_token.get(call.params["webhook_token"])
        if use is None or call.id("webhook_id") != self.world.bot.id or not use.answer:
            raise refusals.unknown("Webhook")
        if self.world.clock.now() - use.at > ALIVE_S:
            raise refusals.dead_token()
        return use

    async def followup(self, call: Call) -> Json | None:
        use = self._alive(call)
        original = use.original
        if original is not None and original.flags & limits.LOADING:  # a followup completes a deferred answer
            message = self.posting.edit(original, call.body, counts=False)
        else:
            message = self._reply(use, call.body)
        waits = call.query.get("wait", "").lower() in ("1", "true")
        return objects.message(message, self.world) if waits else None

    def _message(self, call: Call, use: Use) -> Message:
        number = call.params.get("message_id")
        if number in (None, "@original"):
            found = use.original
        else:
            found = next((each for each in use.replies if str(each.id) == number), None)
            found = found or (use.source if use.source is not None and str(use.source.id) == number else None)
        if found is None or found.is_deleted:
            raise refusals.unknown("Message")
        return found

    async def get(self, call: Call) -> Json:
        return objects.message(self._message(call, self._alive(call)), self.world)

    async def edit(self, call: Call) -> Json:
        message = self._message(call, self._alive(call))
        return objects.message(self.posting.edit(message, call.body, counts=False), self.world)

    async def delete(self, call: Call) -> None:
        self.posting.delete(self._message(call, self._alive(call)))
