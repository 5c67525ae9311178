"""What messages may ask for: the reference of options; and presets, which are options under a name."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from relay.manage import option_reference as reference
from relay.manage import presets
from relay.manage.credential_changes import options as changed_options
from relay.model.account import Preset, Scope
from relay.store.interface import NotFound
from relay.submission.control.option import Door
from relay.submission.control.registry import GRANTS, unknown
from relay.submission.control.schema import option_schema, options_schema
from relay.web.api.answers import answer, nothing
from relay.web.api.call import Answer, Asked, Body, Call, Param, Shown
from relay.web.api.managed import AFTER, GIVES, LIMIT, few, page, reach, told
from relay.web.api.problem import Problem
from relay.web.api.services import Services
from relay.web.api.shapes_managed import OptionReference, OptionWhole, PresetPage, PresetShown

OPTIONS, PRESETS = "Options", "Presets"


class PresetWanted(Struct, forbid_unknown_fields=True, kw_only=True):
    """A preset, without its name."""

    options: dict[str, Any]


async def options_get(services: Services, asked: Asked) -> Answer:
    return answer({"options": reference.every(), "grants": dict(GRANTS)})


async def options_schema_get(services: Services, asked: Asked) -> Answer:
    return answer(options_schema())


async def option_get(services: Services, asked: Asked) -> Answer:
    name = asked.path["name"]
    found = reference.lookup(name)
    if found is None:
        raise Problem("not_found", f"{name[:60]}: {unknown(reference.bare(name)[:200], header=False)}")
    return answer({**reference.describe(found), "family": reference.family(found), "schema": option_schema(found)})


async def presets_get(services: Services, asked: Asked) -> Answer:
    found, following = page(services.registry.presets(asked.caller.account), lambda it: it.name, asked)
    return answer({"presets": [presets.describe(each) for each in found], "next": following})


async def preset_get(services: Services, asked: Asked) -> Answer:
    return answer(presets.describe(services.registry.preset(asked.caller.account, asked.path["name"])))


async def preset_put(services: Services, asked: Asked) -> Answer:
    body: PresetWanted = asked.body
    registry, account, name = services.registry, asked.caller.account, asked.path["name"]
    with told():
        presets.check_name(name)
    try:
        before: Preset | None = registry.preset(account, name)
    except NotFound:
        before = None
        few(len(registry.presets(account)), presets.MOST, "presets")
    with told():
        bound = reach(services, asked)
        wanted = changed_options({}, body.options, Door.PRESET)
        bound.defaults({} if before is None else before.options, wanted)
    if before is None:
        after = Preset(account=account, name=name, options=wanted, created=asked.at)
    else:
        after = Preset(account=account, name=before.name, options=wanted, created=before.created)
    if after != before:
        registry.put_preset(after)
        act = "preset add" if before is None else "preset set"
        registry.audit(asked.at, asked.caller.who, act, presets.describe(after))
    return answer(presets.describe(after), 201 if before is None else 200)


async def preset_delete(services: Services, asked: Asked) -> Answer:
    preset = services.registry.preset(asked.caller.account, asked.path["name"])
    with told():
        presets.remove(services.registry, preset)
    detail = {"account": preset.account, "preset": preset.name}
    services.registry.audit(asked.at, asked.caller.who, "preset remove", detail)
    return nothing()


_NAME = Param(name="name", help="Of the preset, in any case.", example="receipts")
_OPTION = Param(
    name="name",
    help="By any of its names: `track_clicks`, `trackclicks`, `X-SMTPeter-TrackClicks`.",
    example="tags",
)
_TAGS = reference.lookup("tags")
_TAGS_SHOWN = reference.describe(_TAGS) if _TAGS is not None else {}
_PRESET = {
    "preset": "receipts",
    "account": "shop",
    "created": "2026-05-01T08:00:00.000Z",
    "options": {"tags": ["receipt"], "priority": 7},
}

CALLS: tuple[Call, ...] = (
    Call(
        method="GET",
        path="/options",
        name="options_get",
        family=OPTIONS,
        summary="All options of messages",
        help=(
            "What a message can ask for, from the one registry that headers, properties, presets and defaults are "
            "read by: names, values, limits, who may, an example. `grants` tells which options each grant is for."
        ),
        scope=Scope.READ,
        handler=options_get,
        answers=(
            Shown(
                help="The reference.",
                shape=OptionReference,
                example={"options": [_TAGS_SHOWN], "grants": {"source-ip": "source_ip"}},
            ),
        ),
    ),
    Call(
        method="GET",
        path="/options/schema",
        name="options_schema_get",
        family=OPTIONS,
        summary="Options as a JSON Schema",
        help="Draft 2020-12: an object whose properties are the options a request or `X-SMTPeter-Options` may have.",
        scope=Scope.READ,
        handler=options_schema_get,
        answers=(
            Shown(
                help="The schema.",
                shape={
                    "type": "object",
                    "description": "a JSON Schema",
                    "properties": {"properties": {"type": "object"}},
                    "required": ["properties"],
                    "additionalProperties": True,
                },
                example={
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "title": "Options of a message",
                    "type": "object",
                    "properties": {"tags": {"type": ["array", "string"]}},
                    "additionalProperties": False,
                },
            ),
        ),
    ),
    Call(
        method="GET",
        path="/options/{name}",
        name="option_get",
        family=OPTIONS,
        summary="One option",
        help="All that the reference says of it, and its JSON Schema. A name that is none gets the nearest there is.",
        scope=Scope.READ,
        handler=option_get,
        params=(_OPTION,),
        answers=(
            Shown(
                help="The option.",
                shape=OptionWhole,
                example={
                    **_TAGS_SHOWN,
                    "family": "Classification and data",
                    "schema": {"type": ["array", "string"]},
                },
            ),
        ),
        codes=("not_found",),
    ),
    Call(
        method="GET",
        path="/presets",
        name="presets_get",
        family=PRESETS,
        summary="List presets",
        help="Those of the account, by name.",
        scope=Scope.READ,
        handler=presets_get,
        query=(LIMIT, AFTER),
        answers=(Shown(help="A page of them.", shape=PresetPage, example={"presets": [_PRESET], "next": None}),),
        codes=("unavailable",),
    ),
    Call(
        method="GET",
        path="/presets/{name}",
        name="preset_get",
        family=PRESETS,
        summary="Show a preset",
        help="Its options.",
        scope=Scope.READ,
        handler=preset_get,
        params=(_NAME,),
        answers=(Shown(help="The preset.", shape=PresetShown, example=_PRESET),),
        codes=("not_found", "unavailable"),
    ),
    Call(
        method="PUT",
        path="/presets/{name}",
        name="preset_put",
        family=PRESETS,
        summary="Make or replace a preset",
        help=(
            "Its options are those of the body and no others. A message may name it (`preset`) where its credential "
            f"lists it among its `presets`. {GIVES}"
        ),
        scope=Scope.MANAGE,
        handler=preset_put,
        params=(_NAME,),
        body=Body(help="its options", shape=PresetWanted, example={"options": {"tags": ["receipt"], "priority": 7}}),
        answers=(
            Shown(help="It was there; as it is now.", shape=PresetShown, example=_PRESET),
            Shown(help="It was made.", status=201, shape=PresetShown, example=_PRESET),
        ),
        codes=("bad_value", "missing", "unknown_property", "scope", "conflict", "unavailable"),
    ),
    Call(
        method="DELETE",
        path="/presets/{name}",
        name="preset_delete",
        family=PRESETS,
        summary="Remove a preset",
        help="409 while a credential may name it.",
        scope=Scope.MANAGE,
        handler=preset_delete,
        params=(_NAME,),
        answers=(Shown(help="It is gone.", status=204, media=""),),
        codes=("not_found", "conflict", "unavailable"),
    ),
)
