"""Values of the registry to rows of its database, and back. Pure; no connection in sight."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from relay.model.account import (
    NO_DMARC,
    NO_QUOTA,
    Account,
    Algorithm,
    ControlHeaders,
    Credential,
    DkimKey,
    Dmarc,
    Domain,
    KeyState,
    LinkKey,
    OnInvalid,
    OverQuota,
    Preset,
    Quota,
    ReturnKey,
    Scope,
    Token,
)
from relay.model.message import State
from relay.model.options import plain
from relay.model.order import Act, Done, Order, Selection
from relay.store.sqlite.connect import Row


def account_row(account: Account) -> Row:
    return account.name, account.created, int(account.disabled), _object(account.options), _quota(account.quota)


def account_of(row: Row) -> Account:
    name, created, disabled, options, quota = row
    return Account(
        name=name, created=created, disabled=bool(disabled), options=json.loads(options), quota=_quota_of(quota)
    )


def credential_row(credential: Credential) -> Row:
    return (
        credential.username,
        credential.account,
        credential.password_hash,
        credential.created,
        credential.note,
        int(credential.disabled),
        int(credential.sandbox),
        credential.control_headers.value,
        _list(credential.grants),
        _object(credential.allowed),
        _list(credential.forbidden),
        _list(credential.presets),
        _object(credential.options),
        credential.on_invalid.value,
        credential.lifetime,
        int(credential.refuse_suppressed),
        _quota(credential.quota),
    )


def credential_of(row: Row) -> Credential:
    username, account, password_hash, created, note, disabled, sandbox, control_headers, grants, *rest = row
    allowed, forbidden, presets, options, on_invalid, lifetime, refuse_suppressed, quota = rest
    return Credential(
        username=username,
        account=account,
        password_hash=password_hash,
        created=created,
        note=note,
        disabled=bool(disabled),
        sandbox=bool(sandbox),
        control_headers=ControlHeaders(control_headers),
        grants=frozenset(json.loads(grants)),
        allowed={name: tuple(values) for name, values in json.loads(allowed).items()},
        forbidden=frozenset(json.loads(forbidden)),
        presets=frozenset(json.loads(presets)),
        options=json.loads(options),
        on_invalid=OnInvalid(on_invalid),
        lifetime=lifetime,
        refuse_suppressed=bool(refuse_suppressed),
        quota=_quota_of(quota),
    )


def domain_row(domain: Domain) -> Row:
    return (
        domain.name,
        domain.account,
        domain.challenge,
        domain.created,
        domain.verified,
        domain.verified_by,
        _object(domain.options),
        domain.bounce_host,
        domain.bounce_verified,
        domain.tracking_host,
        int(domain.tracking_https),
        domain.tracking_verified,
        json.dumps(domain.spf),
        _dmarc(domain.dmarc),
    )


def domain_of(row: Row) -> Domain:
    name, account, challenge, created, verified, verified_by, options, bounce_host, bounce_verified, *rest = row
    tracking_host, tracking_https, tracking_verified, spf, dmarc = rest
    return Domain(
        name=name,
        account=account,
        challenge=challenge,
        created=created,
        verified=verified,
        verified_by=verified_by,
        options=json.loads(options),
        bounce_host=bounce_host,
        bounce_verified=bounce_verified,
        tracking_host=tracking_host,
        tracking_https=bool(tracking_https),
        tracking_verified=tracking_verified,
        spf=tuple(json.loads(spf)),
        dmarc=_dmarc_of(dmarc),
    )


def preset_row(preset: Preset) -> Row:
    return preset.account, preset.name.casefold(), preset.name, _object(preset.options), preset.created


def preset_of(row: Row) -> Preset:
    account, name, options, created = row
    return Preset(account=account, name=name, options=json.loads(options), created=created)


def key_row(key: DkimKey) -> Row:
    return (
        key.domain,
        key.selector,
        key.algorithm.value,
        key.private_pem,
        key.public_base64,
        key.created,
        key.state.value,
        int(key.custom),
        int(key.always),
        key.start,
        key.end,
    )


def key_of(row: Row) -> DkimKey:
    domain, selector, algorithm, private_pem, public_base64, created, state, custom, always, start, end = row
    return DkimKey(
        domain=domain,
        selector=selector,
        algorithm=Algorithm(algorithm),
        private_pem=private_pem,
        public_base64=public_base64,
        created=created,
        state=KeyState(state),
        custom=bool(custom),
        always=bool(always),
        start=start,
        end=end,
    )


def token_row(token: Token) -> Row:
    given = token.id, token.account, token.digest, _list(token.scopes), token.created, token.note
    return *given, token.credential, token.rate


def token_of(row: Row) -> Token:
    ident, account, digest, scopes, created, note, credential, rate = row
    return Token(
        id=ident,
        account=account,
        digest=digest,
        scopes=frozenset(Scope(each) for each in json.loads(scopes)),
        created=created,
        note=note,
        credential=credential,
        rate=rate,
    )


def return_key_of(row: Row) -> ReturnKey:
    number, secret, created = row
    return ReturnKey(number=number, secret=secret, created=created)


def link_key_of(row: Row) -> LinkKey:
    number, secret, created = row
    return LinkKey(number=number, secret=secret, created=created)


def order_row(order: Order) -> Row:
    return order.at, order.who, order.act.value, _object(_given(order.selection)), order.reason, order.lifetime


def order_of(row: Row) -> Order:
    number, at, who, act, selection, reason, lifetime = row
    return Order(
        number=number,
        at=at,
        who=who,
        act=Act(act),
        selection=_selection_of(selection),
        reason=reason,
        lifetime=lifetime,
    )


def done_row(done: Done) -> Row:
    return done.order, done.shard, done.at, done.changed, done.in_flight


def done_of(row: Row) -> Done:
    order, shard, at, changed, in_flight = row
    return Done(order=order, shard=shard, at=at, changed=changed, in_flight=in_flight)


def _list(values: frozenset[Any]) -> str:
    return json.dumps(sorted(values))


def _object(values: Mapping[str, Any]) -> str:
    return json.dumps({name: plain(value) for name, value in values.items()}, ensure_ascii=False)


def _dmarc(dmarc: Dmarc) -> str:
    return _object(_given(dmarc))


def _dmarc_of(text: str) -> Dmarc:
    given = json.loads(text)
    if not given:
        return NO_DMARC
    return Dmarc(**{**given, "addresses": tuple(given.get("addresses", ()))})


def _given(value: Selection | Quota | Dmarc) -> dict[str, Any]:
    """The fields that differ from their default."""
    return {
        each.name: plain(getattr(value, each.name))
        for each in fields(value)
        if getattr(value, each.name) != each.default
    }


def _quota(quota: Quota) -> str:
    return _object(_given(quota))


def _quota_of(text: str) -> Quota:
    given = json.loads(text)
    if not given:
        return NO_QUOTA
    return Quota(**{**given, "over": OverQuota(given.get("over", OverQuota.REFUSE))})


def _selection_of(text: str) -> Selection:
    given = json.loads(text)
    given["ids"] = tuple(given.get("ids", ()))
    given["states"] = tuple(State(each) for each in given.get("states", ()))
    return Selection(**given)
