"""The `onsa` command. Imports only what the sub-command at hand needs: `--help` and `parse` answer at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(
    name="onsa",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Tune a chat model by chatting, in English or Japanese.",
)

Home = Annotated[
    Path | None, typer.Option("--home", envvar="ONSA_HOME", help="Folder that holds all state. Default: ~/.onsa")
]
Tongue = Annotated[
    Literal["en", "ja"] | None,
    typer.Option("--language", help="Language of the replies. Default: that of each message."),
]


@app.command()
def console(
    home: Home = None,
    language: Tongue = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON line a reply, for programs.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Start offered plans without asking.")] = False,
) -> None:
    """Talk with Onsa at a terminal or through a pipe, one utterance a line."""
    import asyncio

    from bot.console.run import console as run
    from bot.settings import load

    raise typer.Exit(asyncio.run(run(load(home=home, language=language), as_json=json, confirms=yes)))


@app.command()
def demo(
    home: Home = None,
    language: Tongue = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Also draw what is shown into this SVG file.")
    ] = None,
) -> None:
    """Show the whole way once: data, plan, trials, report, answers before and after."""
    import asyncio

    from bot.console.demo import demo as run

    raise typer.Exit(asyncio.run(run(language or "en", home, picture)))


@app.command()
def bot(
    home: Home = None,
    language: Tongue = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is there, what is missing, and the invite link.")
    ] = False,
    workers: Annotated[
        bool | None, typer.Option("--workers/--no-workers", help="Start a worker and the chat server as children.")
    ] = None,
) -> None:
    """Serve teams in Discord. Needs DISCORD_TOKEN (or DISCORD_TOKEN_FILE)."""
    import asyncio

    from bot.settings import load

    settings = load(home=home, language=language, workers=workers)
    if check:
        from bot.discord_front.check import check as run_check

        raise typer.Exit(asyncio.run(run_check(settings)))
    from bot.discord_front.run import bot as run

    raise typer.Exit(asyncio.run(run(settings)))


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def worker(context: typer.Context, home: Home = None) -> None:
    """Run the queue's jobs on this machine until it is ended."""
    _become("tuner.worker", home, context.args)


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def serve(context: typer.Context, home: Home = None) -> None:
    """Serve every checkpoint through an OpenAI-compatible API (--host, --port; a token is made in the home)."""
    _become("tuner.chat", home, context.args)


@app.command()
def parse(
    text: Annotated[str | None, typer.Argument(help="What a person would type.")] = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Read one JSON string or object with `text` a line from standard input.")
    ] = False,
) -> None:
    """Show what a sentence means, as one JSON object. Starts nothing."""
    from json import dumps

    if jsonl or text is None:
        from bot.language.jsonl import lines

        for line in lines(sys.stdin):
            sys.stdout.write(line + "\n")
        return
    from bot.language.commands import to_json
    from bot.language.parser import parse as understand

    print(dumps(to_json(understand(text)), ensure_ascii=False))


@app.command()
def explain(
    trials: Annotated[
        str, typer.Option("--trials", help="Recorded search: one JSON object a line, - for standard input.")
    ],
    language: Tongue = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object with `findings` and `text`.")] = False,
) -> None:
    """Explain a recorded search: what won, what mattered, what went wrong, what to try next."""
    from bot.console.recording import explain_recording

    raise typer.Exit(explain_recording(trials, language or "en", as_json=json))


@app.command()
def jobs(
    home: Home = None,
    language: Tongue = None,
    json: Annotated[bool, typer.Option("--json")] = False,
    search: Annotated[
        str, typer.Option("--search", help="Only jobs with these words in names, data, settings, people, state or day.")
    ] = "",
    page: Annotated[int, typer.Option("--page", min=1, help="Which page of them.")] = 1,
) -> None:
    """List the jobs of this home, newest first."""
    import asyncio

    from bot.console.once import jobs as run
    from bot.settings import load

    raise typer.Exit(asyncio.run(run(load(home=home, language=language), as_json=json, search=search, page=page)))


@app.command()
def export(
    job: Annotated[str, typer.Argument(help="Number or name of the job.")],
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder to write into, or a file that ends in .zip. Default: export")
    ] = None,
    trial: Annotated[int | None, typer.Option("--trial", help="Number of the try. Default: the best.")] = None,
    merged: Annotated[
        bool, typer.Option("--merged", help="Also write the whole model with the adapter merged in.")
    ] = False,
    gguf: Annotated[
        bool, typer.Option("--gguf", help="Also write a GGUF file, by llama.cpp (its folder in ONSA_LLAMA_CPP).")
    ] = False,
    push: Annotated[
        str, typer.Option("--push", metavar="OWNER/NAME", help="Put it on the model hub, private. Needs HF_TOKEN.")
    ] = "",
    public: Annotated[bool, typer.Option("--public", help="With --push: everybody may read it.")] = False,
    optuna: Annotated[
        str | None,
        typer.Option("--optuna", metavar="URL", help="Write the search for Optuna, such as sqlite:///study.db"),
    ] = None,
    home: Home = None,
    language: Tongue = None,
) -> None:
    """Take a job's best try (or --trial) home: adapter, model card, onsa.json."""
    import asyncio

    from bot.console.taking import Export
    from bot.console.taking import export as run
    from bot.language.taking import Taking
    from bot.settings import load

    taking = Taking(merged=merged, gguf=gguf, hub=bool(push), repository=push)
    said = Export(job=job, trial=trial, to=to, taking=taking, public=public, optuna=optuna)
    raise typer.Exit(asyncio.run(run(load(home=home, language=language), said)))


@app.command(name="import")
def bring(
    source: Annotated[Path, typer.Argument(help="The zip or the folder that `onsa export` wrote.")],
    name: Annotated[str | None, typer.Option("--name", help="What to call it. Default: the file's name.")] = None,
    base: Annotated[
        str | None, typer.Option("--base", help="Folder of the base model, where its name is not known here.")
    ] = None,
    team: Annotated[
        str | None, typer.Option("--team", help="Discord server that gets it (its id). Default: this machine's own.")
    ] = None,
    home: Home = None,
    language: Tongue = None,
) -> None:
    """Bring in a model that another Onsa exported."""
    import asyncio

    from bot.console.taking import bring as run
    from bot.settings import load

    raise typer.Exit(
        asyncio.run(run(load(home=home, language=language), source=source, name=name, base=base, team=team))
    )


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, such as onsa-backup.zip.")],
    home: Home = None,
    language: Tongue = None,
) -> None:
    """Write the whole home to one file, while a bot and workers may run."""
    import asyncio

    from bot.console.keeping import backup as run
    from bot.settings import load

    raise typer.Exit(asyncio.run(run(load(home=home, language=language), file)))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `onsa backup` wrote.")],
    home: Home = None,
    language: Tongue = None,
) -> None:
    """Bring a backup into an empty home. Jobs that were under way go on with the next worker."""
    import asyncio

    from bot.console.keeping import restore as run
    from bot.settings import load

    raise typer.Exit(asyncio.run(run(load(home=home, language=language), file)))


def _become(module: str, home: Path | None, arguments: list[str]) -> None:
    """This process becomes the worker or the server: signals and exit codes are theirs."""
    import asyncio

    from bot.console.once import check_home, check_serving
    from bot.settings import load

    settings = load(home=home)
    if asyncio.run(check_home(settings)) != 0:
        raise typer.Exit(1)
    if module == "tuner.chat" and asyncio.run(check_serving(settings, arguments)) != 0:
        raise typer.Exit(1)
    folder = settings.home.expanduser().resolve()
    os.execv(sys.executable, [sys.executable, "-m", module, "--home", str(folder), *arguments])


def main() -> None:
    """Entry point of the `onsa` script."""
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)


if __name__ == "__main__":
    main()
