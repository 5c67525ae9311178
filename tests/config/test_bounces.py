"""Rules for what comes back: what they name, what they suppress, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay import config
from relay.config import ConfigError
from relay.config.bounces import FOR_GOOD, SHIPPED, load_bounces, parse_bounces
from relay.model.classes import OF_OTHERS, OF_RECIPIENT

RULES = load_bounces(None)
ROOT = Path(config.__file__).parents[2]


def test_the_file_to_copy_is_the_one_that_is_shipped() -> None:
    assert (ROOT / "config" / SHIPPED).read_text() == (Path(config.__file__).parent / SHIPPED).read_text()


@pytest.mark.parametrize(
    ("status", "reply", "otherwise", "means"),
    [
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied. [X.prod]", "policy", "no-mailbox"),
        ("5.7.26", "550-5.7.26 This mail has been blocked because the sender is unauthenticated", "policy", "policy"),
        ("5.1.1", "550 5.1.1 user unknown; or so: DMARC check failed", "no-mailbox", "policy"),
        ("5.7.515", "550 5.7.515 Access denied, sending domain example.com", "policy", "policy"),
        (
            "",
            "554 delivery error: dd This user doesn't have a yahoo.com account (a@yahoo.com) [0]",
            "x",
            "no-mailbox",
        ),
        ("5.1.0", "550 5.1.0 <me@example.com> sender    rejected", "no-mailbox", "sender"),
        ("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled.", "mailbox", "mailbox-disabled"),
        ("5.4.4", "Host or domain name not found. Name service error", "dns", "no-such-domain"),
        ("5.1.1", "550 5.1.1 no such user", "no-mailbox", "no-mailbox"),
    ],
)
def test_words_of_receivers_have_their_class(status: str, reply: str, otherwise: str, means: str) -> None:
    assert RULES.named("failed", status, reply, otherwise) == means
    assert RULES.named("bounced", status, reply, otherwise) == means


def test_no_shipped_rule_suppresses_for_a_fault_of_ours() -> None:
    assert RULES.actions.keys() <= OF_RECIPIENT.keys()
    assert RULES.actions["no-mailbox"].suppress == FOR_GOOD
    assert (RULES.actions["mailbox-full"].after, RULES.actions["mailbox-full"].suppress) == (5, 30 * 86_400)
    assert RULES.complaints["abuse"].suppress == FOR_GOOD
    assert "auth-failure" not in RULES.complaints


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "actions:\n  policy: {suppress: 3d}\n",
            "line 2: actions.policy: this class does not speak of the recipient",
        ),
        ("actions:\n  no-mailbx: {suppress: 3d}\n", "line 2: actions.no-mailbx: no such class"),
        ("rules:\n  - {reply: 'a*', means: policy}\n", "line 2: rules.0.reply: '*' cannot stand in a pattern"),
        (
            "rules:\n  - {status: ['5.1'], means: policy}\n",
            "line 2: rules.0.status.0: expected a status such as 5.1.1",
        ),
        ("rules:\n  - {reply: x, means: gone}\n", "line 2: rules.0.means: no such class: 'gone'"),
        ("rules:\n  - {reply: x}\n", "line 2: rules.0.means: is missing"),
        ("automatik: {}\n", "line 1: automatik: no such key; did you mean automatic?"),
        ("actions: {no-mailbox: {suppress: often}}\n", "line 1: actions.no-mailbox.suppress: never, for good, or:"),
        ("complaints: {abuse: {suppress: 1d, after: 0}}\n", "must be at least 1, not 0"),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_bounces(text, "rules.yaml")
    assert said in str(caught.value)
    assert str(caught.value).startswith("rules.yaml, line ")


def test_a_class_of_others_may_be_written_down_as_never() -> None:
    rules = parse_bounces("".join(["actions:\n", *(f"  {each}: {{suppress: never}}\n" for each in OF_OTHERS)]), "f")
    assert not any(each.suppress for each in rules.actions.values())


def test_a_configuration_with_bad_rules_is_refused_as_a_whole(tmp_path: Path) -> None:
    rules, main = tmp_path / "rules.yaml", tmp_path / "relay.yaml"
    main.write_text(f"hostname: r.example\nlisteners: [{{name: a, port: 0}}]\nbounces: {rules}\n")
    with pytest.raises(ConfigError, match=r"rules\.yaml: cannot be read: No such file"):
        config.load(main)
    rules.write_text("rules: {}\n")
    with pytest.raises(ConfigError, match=r"rules\.yaml, line 1: rules: expected a list"):
        config.load(main)
    rules.write_text("automatic: {bounce: false}\n")
    assert load_bounces(config.load(main).bounces).automatic.bounce is False


def test_a_rule_holds_for_the_events_it_names() -> None:
    rules = parse_bounces("rules: [{events: [bounced], status: ['*.9.*', '5.8.*'], means: moved}]\n", "f")
    assert rules.named("bounced", "4.9.77", "", "x") == "moved"
    assert rules.named("bounced", "5.8.1", "", "x") == "moved"
    assert rules.named("failed", "5.8.1", "", "x") == "x"
    assert rules.named("bounced", "4.8.1", "", "x") == "x"
    assert rules.named("bounced", "", "", "x") == "x"
