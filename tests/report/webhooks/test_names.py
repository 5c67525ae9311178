"""Names that lead a webhook inside: looked up in a real DNS, judged when they are connected to."""

from __future__ import annotations

from pathlib import Path

from relay.config import Dns
from relay.dns.resolver import Resolver
from relay.report.webhooks import letters
from relay.report.webhooks.outbox import Answer
from relay.report.webhooks.sender import Sender
from relay.worker.reporter import look_by
from tests.http.site import site
from tests.peers.dns import DnsServer
from tests.report.stage import event, new_ids
from tests.report.webhooks.stage import Stage, stage

ZONE = """
    good.test     A  127.0.0.1
    inside.test   A  10.0.0.1
    inside.test   AAAA  fd00::1
    metadata.test A  169.254.169.254
    mapped.test   AAAA  ::ffff:10.0.0.1
    nat64.test    AAAA  64:ff9b::a00:1
    moving.test   0 A  127.0.0.1
"""


async def answers(here: Stage, hook: str) -> list[Answer]:
    with here.outbox() as outbox:
        found: list[Answer] = letters.answers(outbox, hook, 10)
    return found


async def test_names_that_lead_inside_are_refused_and_names_that_move_there_too(tmp_path: Path) -> None:
    with DnsServer(ZONE) as dns:
        async with site() as there, stage(tmp_path) as here:
            resolver = Resolver(Dns(servers=(dns.address,), min_ttl=0), here.clock)
            await here.sender._end()
            here.sender = Sender(here.config, here.clock, look=look_by(resolver))
            names = ("inside.test", "metadata.test", "mapped.test", "nat64.test", "missing.test")
            hooks = {name: here.hook(there.url("/", name)) for name in (*names, "good.test", "moving.test")}
            await here.tell(event("delivered", new_ids().new(), recipient=1))
            assert sorted(each.headers["host"].partition(":")[0] for each in there.got) == [
                "good.test",
                "moving.test",
            ]
            for name in names:
                (answer,) = await answers(here, hooks[name].id)
                assert answer.status == 0
                assert ("do not connect" in answer.text) is (name != "missing.test")
            dns.set("moving.test", "A", "192.168.0.1", ttl=0)
            await here.sender._client.close()  # what is connected stays connected; the next one is looked up
            here.sender._client = here.sender._new_client()
            here.clock.now += 60
            await here.tell(event("delivered", new_ids().new(), recipient=1))
            assert sum(each.headers["host"].startswith("moving.test") for each in there.got) == 1
            assert "192.168.0.1" in (await answers(here, hooks["moving.test"].id))[0].text
            await resolver.close()
