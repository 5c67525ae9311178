"""Usual clients speak to the API of a running relay; what they send arrives, signed and whole."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests

from tests.e2e.world import HOME_DOMAIN, World, world
from tests.peers.receiver import Behaviour
from tests.tools import tool

HERE = Path(__file__).parent
SMALL = {"from": "me@example.com", "subject": "Hi", "text": "Hello.", "trackclicks": False, "trackopens": False}


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("api"), {"example.net": Behaviour(), HOME_DOMAIN: Behaviour()}) as made:
        yield made


def url(internet: World) -> str:
    return f"http://127.0.0.1:{internet.relay.port('http')}"


def token(internet: World) -> str:
    return str(internet.relay.access["token"])


def arrived(internet: World, *recipients: str) -> list[EmailMessage]:
    """The messages that came for these, in their order; each is signed."""
    receiver = internet.receivers["example.net"]
    found = []
    for each in recipients:

        def mine(each: str = each) -> list[bytes]:
            return [one.content for one in receiver.messages if each in one.recipients]

        internet.relay.wait(lambda: bool(mine()), f"a message for {each}")
        internet.check_signatures(mine()[0])
        found.append(message_from_bytes(mine()[0], policy=policy.default))
    return found


def run(line: Sequence[str]) -> Any:
    done = subprocess.run(line, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    return json.loads(done.stdout)


def test_a_php_program_written_for_smtpeter_works(internet: World) -> None:
    told = run([tool("php"), str(HERE / "client.php"), url(internet), token(internet), "php@example.net"])
    [ident] = told["sent"]
    assert told["sent"] == {ident: "php@example.net"}
    assert told["recipient"] == "php@example.net"
    assert told["envelope"] == "me@example.com"
    assert told["text"].strip() == "Hello from a class."
    assert "<p>Hello from a class.</p>" in told["html"]
    assert "Subject:" in told["headers"]
    assert "example.com" in told["domains"]
    assert list(told["resent"].values()) == ["php@example.net"] and ident not in told["resent"]
    assert told["template"] is True
    assert list(told["templated"].values()) == ["php@example.net"]
    assert told["stranger"]["code"] == "refused" and "stranger.example" in told["stranger"]["message"]
    assert list(told["form"].values()) == ["php@example.net"]
    receiver = internet.receivers["example.net"]

    def subjects() -> set[str]:
        mine = [each for each in receiver.messages if "php@example.net" in each.recipients]
        return {str(message_from_bytes(each.content, policy=policy.default)["Subject"]) for each in mine}

    internet.relay.wait(lambda: len(subjects()) == 3, "three messages")
    assert subjects() == {"Grüße aus PHP", "Hello Ann", "A form"}


def test_the_curl_lines_of_the_handbook_work(internet: World) -> None:
    page = (HERE.parents[1] / "relay/handbook/api.md").read_text()
    found = re.search(r"^    curl (.*?)$\n\s+(-d .*?)$", page, re.MULTILINE)
    assert found
    line = f"curl -sS --fail-with-body {found[1].removesuffix(chr(92))} {found[2]}"
    line = line.replace("http://127.0.0.1:8025", url(internet)).replace("$TOKEN", token(internet))
    line = line.replace("you@example.net", "curl@example.net")
    [[ident, address]] = run(["bash", "-c", line]).items()
    assert address == "curl@example.net" and re.fullmatch(r"[0-9a-v]{16}-1", ident)
    [message] = arrived(internet, "curl@example.net")
    assert message["Subject"] == "Hello" and message.get_content().strip() == "It works."


def test_requests_sends_attachments_and_keeps_to_its_key(internet: World, tmp_path: Path) -> None:
    properties = {
        **SMALL,
        "recipients": ["req1@example.net", "req2@example.net"],
        "attachments": [{"data": "JVBERi0xLjQ=", "name": "größe.pdf", "type": "application/pdf"}],
    }
    headers = {"Authorization": f"Bearer {token(internet)}", "Idempotency-Key": "order-1"}
    first = requests.post(f"{url(internet)}/v1/send", json=properties, headers=headers, timeout=30)
    again = requests.post(f"{url(internet)}/v1/send", json=properties, headers=headers, timeout=30)
    assert first.status_code == again.status_code == 200 and first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    for message in arrived(internet, "req1@example.net", "req2@example.net"):
        [attachment] = message.iter_attachments()
        assert (attachment.get_filename(), attachment.get_content()) == ("größe.pdf", b"%PDF-1.4")
    receiver = internet.receivers["example.net"]
    assert sum("req1@example.net" in each.recipients for each in receiver.messages) == 1


async def test_httpx_on_one_connection_sends_gzip_and_a_stream(internet: World) -> None:
    async with httpx.AsyncClient(base_url=url(internet), auth=("api", token(internet)), trust_env=False) as client:
        body = gzip.compress(json.dumps({**SMALL, "recipient": "gz@example.net"}).encode())
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        assert (await client.post("/v1/send", content=body, headers=headers)).status_code == 200

        async def pieces() -> Any:
            octets = json.dumps({**SMALL, "recipient": "chunked@example.net", "text": "long " * 100_000}).encode()
            for at in range(0, len(octets), 10_000):
                yield octets[at : at + 10_000]

        answer = await client.post("/v1/send", content=pieces(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 200, answer.text
    arrived(internet, "gz@example.net", "chunked@example.net")


def test_fetch_of_node_works(internet: World) -> None:
    script = """
    const [url, token] = process.argv.slice(1);
    const send = (properties) => fetch(`${url}/v1/send`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify(properties),
    });
    const good = await send({ recipient: "node@example.net", from: "me@example.com", subject: "✓", text: "Hi" });
    const bad = await send({ recipient: "node", from: "me@example.com", text: "Hi" });
    console.log(JSON.stringify([good.status, await good.json(), bad.status, await bad.json()]));
    """
    good, ids, bad, fault = run([tool("node"), "--input-type=module", "-e", script, url(internet), token(internet)])
    assert (good, list(ids.values()), bad) == (200, ["node@example.net"], 422)
    assert fault["error"]["field"] == "recipient"
    [message] = arrived(internet, "node@example.net")
    assert message["Subject"] == "✓"


def test_what_was_answered_with_200_survives_the_death_of_all_processes(internet: World) -> None:
    sent: list[str] = []
    stop = threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            address = f"kill{number}@example.net"
            try:
                answer = requests.post(
                    f"{url(internet)}/v1/send?access_token={token(internet)}",
                    json={**SMALL, "recipient": address},
                    timeout=30,
                )
            except requests.RequestException:
                return
            if answer.status_code == 200:
                sent.append(address)
            number += 1

    thread = threading.Thread(target=work)
    thread.start()
    internet.relay.wait(lambda: len(sent) >= 40, "some answers")
    internet.relay.kill()
    stop.set()
    thread.join(60)
    internet.relay.start()
    receiver = internet.receivers["example.net"]

    def missing() -> set[str]:
        return set(sent) - {each for one in list(receiver.messages) for each in one.recipients}

    internet.relay.wait(lambda: not missing(), "all that was taken")
