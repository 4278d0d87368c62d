"""From an HTTP request to a handler and back: authorization, rate limits, faults, validation, journal."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from standin import bodies, schema
from standin.calls import Call, Created, Handler, Journal
from standin.clock import Clock
from standin.faults import Fault, Faults
from standin.intents import Portal
from standin.rates import Rates, Verdict
from standin.refusals import Refusal, unauthorized

_BY_TOKEN = re.compile(r"/(interactions|webhooks)/\{\w+\}/\{\w+\}|^/gateway$")


class Rest:
    """Wraps handlers. `violations` gathers what Discord's description says against bodies."""

    def __init__(self, portal: Portal, clock: Clock, faults: Faults, rates: Rates) -> None:
        self.portal = portal
        self.clock = clock
        self.faults = faults
        self.rates = rates
        self.journal = Journal()
        self.violations: list[str] = []
        self.judges_answers = False
        self.own_faults: list[str] = []  # what the description says against our answers, where `judges_answers`
        self.errors: list[BaseException] = []  # our own mistakes: a test fails on them too

    def serving(self, template: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            path = request.path.removeprefix("/api/v10")
            verdict = self.rates.ask(request.method, template, request.match_info)
            call = Call(method=request.method, path=path, template=template, params=dict(request.match_info),
                        query=dict(request.query), body=bodies.Body(), at=self.clock.now())
            self.journal.calls.append(call)
            answer = await self._answer(request, call, handler, verdict)
            answer.headers.update(verdict.headers)
            call.status = answer.status
            if call.fault is not None and call.fault.cuts and request.transport is not None:
                request.transport.abort()
            return answer
        return serve

    async def _answer(self, request: web.Request, call: Call, handler: Handler, verdict: Verdict) -> web.Response:
        try:
            call.body = await bodies.read(request)
            fault = call.fault = self.faults.take(call.method, call.path, call.body.fields) or _too_fast(verdict)
            if fault is not None:
                await asyncio.sleep(fault.delay_s)
            if fault is None or fault.applies or not (fault.status or fault.cuts):
                result = await self._handle(request, call, handler)
                await asyncio.sleep(fault.holds_s if fault is not None else 0)
                if fault is None or not fault.status:
                    return result
            return _json(fault.status or 500, fault.body(), fault.headers())
        except Refusal as refusal:
            call.code = refusal.code
            if refusal.code == 50035:
                self.violations.append(f"{call.method} {call.template}: refused: {json.dumps(refusal.errors)[:500]}")
            return _json(refusal.status, refusal.body(), {})
        except Exception as error:
            self.errors.append(error)
            raise

    async def _handle(self, request: web.Request, call: Call, handler: Handler) -> web.Response:
        given = request.headers.get("Authorization")
        if not _BY_TOKEN.search(call.template) and given != f"Bot {self.portal.token}":
            raise unauthorized()
        self.violations += schema.faults(call.method, call.template, call.json)
        result = await handler(call)
        if result is None:
            return web.Response(status=204, headers={"Via": "1.1 google"})
        status, body = (201, result.json) if isinstance(result, Created) else (200, result)
        if self.judges_answers:
            self.own_faults += schema.answer_faults(call.method, call.template, status, body)
        return _json(status, body, {"Via": "1.1 google"})

    async def unknown_route(self, request: web.Request) -> web.StreamResponse:
        self.errors.append(LookupError(f"the stand-in has no route {request.method} {request.path}"))
        return _json(404, {"message": "404: Not Found", "code": 0}, {})


def _too_fast(verdict: Verdict) -> Fault | None:
    if not verdict.retry_after_s:
        return None
    return Fault(method="", pattern="", status=429, retry_after_s=verdict.retry_after_s, is_global=verdict.is_global)


def _json(status: int, body: Any, headers: dict[str, str]) -> web.Response:
    made = web.Response(status=status, body=json.dumps(body, ensure_ascii=False).encode())
    made.headers.update(headers)
    made.headers["Content-Type"] = "application/json"  # exactly: discord.py compares it
    return made
