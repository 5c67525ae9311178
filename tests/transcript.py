"""Plays a pure SMTP dialogue against a written conversation.

Each `C:` line is what we must say, each `S:` line what the server answers. Commands that leave in one write stand
together, and so do their answers; `S: 250-...` goes on in the next line. In the place of an answer may stand
`-- lost`, `-- silent` or another `Trouble`: then nothing more comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent

from relay.model.reply import Reply
from relay.smtp.dialogue import Answer, Group, Trouble
from relay.smtp.transaction import Dialogue, Result


def play(dialogue: Dialogue, script: str) -> Result:
    """What the dialogue came to. AssertionError where it says something else than the script."""
    lines = iter(dedent(script).strip().splitlines())
    try:
        group = next(dialogue)
        while True:
            said = [f"C: {command.line}" for command in group.commands]
            assert said == [next(lines, "(the end)") for _ in said]
            group = dialogue.send(_answers(group, lines))
    except StopIteration as end:
        left = list(lines)
        assert left == [], "the transcript goes on, but we have nothing more to say"
        result: Result = end.value
        return result


def _answers(group: Group, lines: Iterator[str]) -> list[Answer]:
    answers: list[Answer] = []
    trouble = Trouble.NONE
    for command in group.commands:
        texts: list[str] = []
        while not trouble:
            who, _, text = next(lines, "-- the transcript ended while an answer was due").partition(" ")
            if who == "--":
                trouble = Trouble(text)
            else:
                assert who == "S:", f"an answer was due, not {who} {text}"
                texts.append(text)
                if text[3:4] != "-":
                    break
        if trouble:
            answers.append(Answer(command.step, Reply(421, "4.4.2", f"{trouble} after {command.step}"), trouble))
        else:
            answers.append(Answer(command.step, Reply.parse_lines(texts)))
    return answers
