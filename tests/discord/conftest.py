"""The stand-in as a fixture. A test fails when the bot sent what Discord's own description forbids."""

import warnings
from collections.abc import AsyncIterator

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # discord.py 2.7 imports audioop, which Python 3.11 calls deprecated
    import discord  # noqa: F401

from standin import Person, Standin, schema
from standin.world import Channel


def pytest_report_header() -> str:
    return schema.reason_for_absence() or "request bodies are validated against Discord's own description"


@pytest.fixture
async def standin() -> AsyncIterator[Standin]:
    """A fresh Discord. At the end: no forbidden body, no unknown route, no mistake of our own."""
    async with Standin() as made:
        yield made
    assert not made.violations, made.violations
    assert not made.rest.errors, made.rest.errors


@pytest.fixture
async def general(standin: Standin) -> Channel:
    """The first channel of a team whose owner is Olga."""
    return standin.general(standin.guild("Team", owner=standin.user("Olga")))


@pytest.fixture
async def ana(standin: Standin, general: Channel) -> Person:
    """A member of that team like any."""
    person = Person(standin, "Ana")
    assert general.guild is not None
    standin.join(general.guild, person.user)
    return person
