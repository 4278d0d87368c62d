"""The gateway: HELLO, IDENTIFY, heartbeats, RESUME with replay, and the ways a connection dies."""

import asyncio
import contextlib
import json
import secrets
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from standin import objects
from standin.intents import GUILD_MEMBERS, PRIVILEGED, Portal, needed
from standin.world import Guild, World

Json = dict[str, Any]
Frame = Json
_ALL_INTENTS = (1 << 26) - 1
_EVENTS_A_MINUTE = 120
_ACK_S = 0.03


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    """One open socket."""

    socket: web.WebSocketResponse
    request: web.Request
    squeeze: Any = None  # the zlib context where the client asked for zlib-stream
    outgoing: asyncio.Queue[Frame] = field(default_factory=asyncio.Queue)
    session: "Session | None" = None
    received: deque[float] = field(default_factory=deque)

    async def send(self, frame: Frame) -> None:
        text = json.dumps(frame, ensure_ascii=False)
        if self.squeeze is None:
            await self.socket.send_str(text)
            return
        data = self.squeeze.compress(text.encode()) + self.squeeze.flush(zlib.Z_SYNC_FLUSH)
        await self.socket.send_bytes(data)

    def cut(self) -> None:
        """As a pulled cable: no close frame."""
        if self.request.transport is not None:
            self.request.transport.abort()


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """What survives a connection: sequence and the dispatches for a replay."""

    id: str
    intents: int
    shard: tuple[int, int]
    log: list[Frame] = field(default_factory=list)
    connection: Connection | None = None

    def dispatch(self, event: str, data: Json) -> None:
        frame = {"op": 0, "t": event, "s": len(self.log) + 1, "d": data}
        self.log.append(frame)
        if self.connection is not None:
            self.connection.outgoing.put_nowait(frame)

    def covers(self, guild: Guild | None) -> bool:
        index, count = self.shard
        return (guild.id >> 22) % count == index if guild is not None else index == 0


class Gateway:
    """All sessions. `publish` sends one event to each session that may have it."""

    def __init__(self, world: World, portal: Portal) -> None:
        self.world = world
        self.portal = portal
        self.sessions: dict[str, Session] = {}
        self.connections: set[Connection] = set()
        self.address = ""
        self.heartbeat_ms = 41_250
        self.answers_heartbeats = True
        self.is_refusing = False  # new connections get a 503
        self.resumes = 0
        self.repeats: dict[str, int] = {}  # event -> how many further times the next one is delivered

    def publish(
        self, event: str, make: Json | Callable[[Session], Json], *, guild: Guild | None = None, in_dm: bool = False,
    ) -> None:
        """Send the event to every session whose intents and shard allow it; `make` may depend on the session."""
        bit = needed(event, in_dm=in_dm)
        times = 1 + self.repeats.pop(event, 0)
        for session in list(self.sessions.values()):
            if session.covers(guild) and session.intents & bit == bit:
                for _ in range(times):
                    session.dispatch(event, make(session) if callable(make) else make)

    def deliver_twice(self, event: str, further: int = 1) -> None:
        """The next such event arrives once more (a duplicate delivery)."""
        self.repeats[event] = further

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.is_refusing:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        squeeze = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        connection = Connection(socket=socket, request=request, squeeze=squeeze)
        self.connections.add(connection)
        writer = asyncio.create_task(_write(connection))
        connection.outgoing.put_nowait({"op": 10, "s": None, "t": None, "d": {"heartbeat_interval": self.heartbeat_ms}})
        try:
            async for frame in socket:
                if frame.type is not WSMsgType.TEXT:
                    break
                code = self._read(connection, json.loads(frame.data))
                if code is not None:
                    await _drain(connection)
                    await socket.close(code=code)
                    break
        finally:
            writer.cancel()
            self.connections.discard(connection)
            if connection.session is not None and connection.session.connection is connection:
                connection.session.connection = None
        return socket

    def _read(self, connection: Connection, frame: Frame) -> int | None:
        """Handle one frame of the client; a close code where the connection must end."""
        now = asyncio.get_running_loop().time()
        connection.received.append(now)
        while connection.received[0] < now - 60:
            connection.received.popleft()
        if len(connection.received) > _EVENTS_A_MINUTE:
            return 4008
        match frame.get("op"):
            case 1:
                if self.answers_heartbeats:  # a little later: discord.py notes the time of a beat after sending it
                    asyncio.get_running_loop().call_later(
                        _ACK_S, connection.outgoing.put_nowait, {"op": 11, "s": None, "t": None, "d": None})
            case 2:
                return 4005 if connection.session else self._identify(connection, frame["d"])
            case 3 | 4:
                return None if connection.session else 4003
            case 6:
                return 4005 if connection.session else self._resume(connection, frame["d"])
            case 8:
                return self._members(connection, frame["d"]) if connection.session else 4003
            case _:
                return 4001
        return None

    def _identify(self, connection: Connection, asked: Json) -> int | None:
        if asked.get("token") != self.portal.token:
            return 4004
        intents = asked.get("intents")
        if not isinstance(intents, int) or intents & ~_ALL_INTENTS:
            return 4013
        if intents & PRIVILEGED & ~self.portal.allowed_intents:
            return 4014
        index, count = asked.get("shard") or (0, 1)
        if not 0 <= index < count:
            return 4010
        self.portal.identifies.append(asked)
        session = Session(id=secrets.token_hex(16), intents=intents, shard=(index, count), connection=connection)
        self.sessions[session.id] = session
        connection.session = session
        guilds = [each for each in self.world.guilds.values()
                  if each.has(self.world.bot) and session.covers(each)]
        session.dispatch("READY", self._ready(session, guilds))
        for guild in guilds:
            if guild.is_available:
                session.dispatch("GUILD_CREATE", self.guild_create(guild, session))
        return None

    def _ready(self, session: Session, guilds: list[Guild]) -> Json:
        bot = self.world.bot
        user = objects.user(bot) | {"flags": 0, "verified": True, "mfa_enabled": False, "email": None}
        return {"v": 10, "user": user,
                "session_id": session.id, "resume_gateway_url": self.address, "shard": list(session.shard),
                "guilds": [{"id": str(each.id), "unavailable": True} for each in guilds], "private_channels": [],
                "application": {"id": str(bot.id), "flags": self.portal.flags}, "user_settings": {},
                "relationships": [], "presences": [], "session_type": "normal", "geo_ordered_rtc_regions": []}

    def guild_create(self, guild: Guild, session: Session) -> Json:
        return objects.guild(guild, self.world, all_members=bool(session.intents & GUILD_MEMBERS))

    def _resume(self, connection: Connection, asked: Json) -> int | None:
        if asked.get("token") != self.portal.token:
            return 4004
        session = self.sessions.get(str(asked.get("session_id")))
        seq = asked.get("seq")
        if session is None or not isinstance(seq, int):
            connection.outgoing.put_nowait({"op": 9, "s": None, "t": None, "d": False})
            return None
        if seq > len(session.log):
            return 4007
        self.resumes += 1
        for missed in session.log[seq:]:
            connection.outgoing.put_nowait(missed)
        session.connection = connection
        connection.session = session
        session.dispatch("RESUMED", {"_trace": []})
        return None

    def _members(self, connection: Connection, asked: Json) -> int | None:
        assert connection.session is not None
        guild = self.world.guild(int(asked["guild_id"]))
        wanted = {int(each) for each in _listed(asked.get("user_ids"))}
        start = str(asked.get("query") or "").lower()
        found = [each for each in guild.members.values()
                 if (each.user.id in wanted if wanted else each.user.name.lower().startswith(start))]
        made = {"guild_id": str(guild.id), "members": [objects.member(each) for each in found], "chunk_index": 0,
                "chunk_count": 1, "not_found": [], "nonce": asked.get("nonce")}
        connection.session.dispatch("GUILD_MEMBERS_CHUNK", made)
        return None

    # What a test does to connections.

    def cut(self) -> None:
        """Every connection breaks without a word; sessions stay resumable."""
        for each in list(self.connections):
            each.cut()
            if each.session is not None:
                each.session.connection = None

    async def close(self, code: int) -> None:
        """Close every connection with the code; the sessions stay (a client may resume after 4000, not after 4004)."""
        for each in list(self.connections):
            await each.socket.close(code=code)

    def ask_to_reconnect(self) -> None:
        for each in list(self.connections):
            each.outgoing.put_nowait({"op": 7, "s": None, "t": None, "d": None})

    def invalidate(self) -> None:
        """Forget every session and say so (INVALID_SESSION, not resumable)."""
        self.sessions.clear()
        for each in list(self.connections):
            each.session = None
            each.outgoing.put_nowait({"op": 9, "s": None, "t": None, "d": False})

    def forget(self) -> None:
        """Forget every session silently: the next RESUME is answered with INVALID_SESSION."""
        self.sessions.clear()


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


async def _write(connection: Connection) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            await connection.send(await connection.outgoing.get())


async def _drain(connection: Connection) -> None:
    for _ in range(50):
        if connection.outgoing.empty():
            return
        await asyncio.sleep(0.01)
