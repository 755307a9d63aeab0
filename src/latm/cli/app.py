"""The tree of commands, each loaded only when it is called.

Command-line words flow in, an exit code flows out. Invariant: this is the only place that
turns errors into exit codes, and ``latm --help`` imports no library that a command needs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError
from rich.console import Console

from latm import __version__
from latm.errors import LatmError

_COMMANDS = {
    "make": "Make a verified tool from a file of questions and answers, or mend the one there is."
    "\n\nWhere the class has tools, they are judged on the stored and the new cases first, at no "
    "tokens; what is wrong or not covered is made, and nothing that is right is lost.\n\n"
    "Example: latm make cases.jsonl --name word-sorting",
    "solve": "Answer a file of questions with the tool of a class.\n\n"
    "Example: latm solve word-sorting questions.jsonl -o answers.jsonl",
    "ask": "Answer one question with whichever tool serves it.\n\n"
    'Example: latm ask "Sort the following words alphabetically: List: pear fig apple"',
    "serve": "Answer OpenAI-compatible requests: by tools, or else by the upstream.\n\n"
    "Example: latm serve --upstream https://api.openai.com/v1",
    "classes": "Classes of requests that were observed behind the gateway.",
    "jobs": "Makings in the background: list them, or work on them here.",
    "tools": "List, show, verify, promote, retire and import tools.",
    "models": "List, fetch and verify the embedded models.",
    "sandbox": "Check the sandbox of this machine; run one function in it.",
    "bench": "Measure: sandbox, solve, tasks.",
    "db": "Look after the database.",
    "demo": "Make a tool with the embedded model and show what it saves.\n\nExample: latm demo",
}
"""First paragraph: the line in the list of commands; all of it: the command's own help."""
_FUNCTIONS = frozenset(["make", "solve", "ask", "serve", "demo"])


def build() -> App:
    """The whole tree."""
    app = App(
        name="latm",
        version=__version__,
        help="LLMs as tool makers: answer recurring requests with verified code, not tokens.",
        result_action="return_value",
    )
    for name, text in _COMMANDS.items():
        attribute = name if name in _FUNCTIONS else "app"
        app.command(f"latm.cli.{name}:{attribute}", name=name, help=text)
    return app


def run(words: Sequence[str]) -> int:
    """Run one command line.

    Returns:
        The exit code: 0 done, 1 our failure, 2 bad input or usage, 3 no tool could be made or
        mended.
    """
    try:
        result = build()(
            list(words), exit_on_error=False, print_error=False, result_action="return_value"
        )
    except LatmError as error:
        return _fail(str(error), error.exit_code)
    except CycloptsError as error:
        return _fail(f"{error} See 'latm --help'.", 2)
    except KeyboardInterrupt:
        return _fail("interrupted; what was finished is kept", 130)
    except BrokenPipeError:
        # The reader went away (`| head`): nothing is wrong on our side.
        sys.stderr.close()
        return 0
    return result if isinstance(result, int) else 0


def _fail(text: str, code: int) -> int:
    line = " ".join(text.split())
    Console(stderr=True, soft_wrap=True, highlight=False).print(
        f"latm: {line}", markup=False, style="red" if sys.stderr.isatty() else None
    )
    return code
