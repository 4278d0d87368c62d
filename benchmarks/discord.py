"""Many people talk at once while a job trains: `python -m benchmarks.discord [--people 200] [--teams 20] [--idle]`.

The real bot against the stand-in of tests/discord, over sockets of this machine. Prints one JSON object: how long
the bot took from its start to being connected (READY), how long acknowledgements took, how many messages stayed without
an answer, and how large the bot was and grew. Ends with 1 where one of them took longer than promised, a message was
dropped, or memory went over its limit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
START_S = 2.0
P99_S = 1.0
MEMORY_MB = 150.0
ROWS = "question,answer\n" + "".join(f"What is in room {n}?,The code is {n * 37 % 997}.\n" for n in range(1, 61))
COMMANDS = ("/jobs", "/help", "/data", "/job")
SAYINGS = ("@Onsa status", "@Onsa what is a learning rate?", "@Onsa ヘルプ", "@Onsa history")


async def run(people: int, teams: int, rounds: int, over_s: float, trains: bool) -> dict[str, Any]:
    """Promises what was measured."""
    import psutil
    from standin import Person, Standin

    with tempfile.TemporaryDirectory() as folder:
        async with Standin() as discord:
            rooms, crowd = [], []
            for number in range(teams):
                owner = Person(discord, f"owner {number}")
                guild = discord.guild(f"Team {number}", owner=owner.user)
                members = [owner, *(Person(discord, f"p{number}-{each}") for each in range(people // teams - 1))]
                discord.join(guild, *(each.user for each in members[1:]))
                rooms.append(discord.general(guild))
                crowd += [(each, discord.general(guild)) for each in members]
            began = time.monotonic()
            bot = await start(discord, Path(folder), trains)
            start_s = time.monotonic() - began
            spent = psutil.Process(bot.pid).cpu_times()
            try:
                await registered(discord)
                small = psutil.Process(bot.pid).memory_info().rss
                if trains:
                    await train(crowd[0][0], rooms[0])
                watched = psutil.Process(bot.pid)
                began = time.monotonic()
                acks: list[float] = []
                before = answers(discord, rooms)
                talks = (talk(who, room, index, rounds, over_s, acks) for index, (who, room) in enumerate(crowd))
                await asyncio.gather(*talks)
                said = len(crowd) * rounds
                unanswered = await settled(discord, rooms, before, said)
                return {
                    "start_s": round(start_s, 2), "start_cpu_s": round(spent.user + spent.system, 2),
                    "start_memory_mb": round(small / 1e6, 1),
                    "people": len(crowd), "teams": teams, "messages": said, "commands": len(acks), "trains": trains,
                    "seconds": round(time.monotonic() - began, 1), "unanswered": unanswered,
                    "ack_p50_s": round(part(acks, 0.5), 3), "ack_p99_s": round(part(acks, 0.99), 3),
                    "ack_max_s": round(max(acks), 3), "memory_mb": round(watched.memory_info().rss / 1e6, 1),
                }
            finally:
                bot.terminate()
                await asyncio.wait_for(bot.wait(), 30)


async def start(discord: Any, home: Path, trains: bool) -> asyncio.subprocess.Process:
    """A bot that is connected: Discord answers its IDENTIFY with READY. With a worker beside it where it trains."""
    environment = {
        **os.environ, "DISCORD_TOKEN": discord.token, "ONSA_DISCORD_API": discord.api, "ONSA_HOME": str(home),
        "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore",
    }
    options = () if trains else ("--no-workers",)
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "bot", *options, cwd=ROOT, env=environment,
        stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(60):
        while not discord.portal.identifies:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
    return bot


async def registered(discord: Any) -> None:
    async with asyncio.timeout(60):
        while not discord.commands.puts:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


async def train(who: Any, room: Any) -> None:
    """A job long enough to last through everything."""
    await who.says(room, "@Onsa tune lr between 1e-5 and 1e-3 with 200 trials", files={"rooms.csv": ROWS})
    card = await who.sees(lambda message: "Start" in message.labels, 180)
    await who.clicks(card, "Start")
    await who.sees(lambda message: "running" in message.text, 180, channel=card.channel)


async def talk(who: Any, room: Any, index: int, rounds: int, over_s: float, acks: list[float]) -> None:
    """One person: something said and at once a command, once in every `over_s` seconds, at a moment of their own."""
    moments = random.Random(index)
    for turn in range(rounds):
        moment = moments.uniform(0, over_s)
        await asyncio.sleep(moment)
        await who.says(room, SAYINGS[(index + turn) % len(SAYINGS)])
        use = await who.uses(COMMANDS[(index + turn) % len(COMMANDS)], channel=room, timeout=30)
        acks.append(use.took_s)
        await asyncio.sleep(over_s - moment)


def answers(discord: Any, rooms: list[Any]) -> int:
    """Replies of the bot in the channels so far."""
    own = [message for message in discord.world.posted if message.author is discord.bot and message.channel in rooms]
    return sum(message.reply_to is not None for message in own)


async def settled(discord: Any, rooms: list[Any], before: int, said: int, patience_s: float = 240.0) -> int:
    """Messages without an answer once everything is quiet; Discord's own limits let a channel have one a second."""
    until = time.monotonic() + patience_s
    while (left := before + said - answers(discord, rooms)) > 0 and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    return left


def part(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--teams", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--over", type=float, default=10.0, help="seconds in which each of them speaks once")
    parser.add_argument("--idle", action="store_true", help="no job trains meanwhile")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(ROOT / "tests" / "discord"))
    found = asyncio.run(run(given.people, given.teams, given.rounds, given.over, not given.idle))
    print(json.dumps(found))
    is_quick = found["start_s"] < START_S and found["ack_p99_s"] < P99_S
    is_good = is_quick and found["unanswered"] == 0 and found["memory_mb"] < MEMORY_MB
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
