"""The SQL of the registry, each statement with a name and a sentence."""

from __future__ import annotations

from typing import Final

# version, raise_version: a number that rises with every change.
VERSION: Final = "select version from registry"
RAISE_VERSION: Final = "update registry set version = version + 1"

# accounts
ADD_ACCOUNT: Final = "insert into account (name, created, disabled, options, quota) values (?, ?, ?, ?, ?)"
ACCOUNT: Final = "select name, created, disabled, options, quota from account where name = ?"
ACCOUNTS: Final = "select name, created, disabled, options, quota from account order by name"
UPDATE_ACCOUNT: Final = (
    "update account set name = ?, created = ?, disabled = ?, options = ?, quota = ? where name = ?"
)
DISABLE_ACCOUNT: Final = "update account set disabled = ? where name = ?"

# credentials, found by their case-folded user name
ADD_CREDENTIAL: Final = """
insert into credential (folded, username, account, password_hash, created, note, disabled, sandbox,
                        control_headers, grants, allowed, forbidden, presets, options, on_invalid, lifetime,
                        refuse_suppressed, quota)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
CREDENTIAL: Final = """
select username, account, password_hash, created, note, disabled, sandbox, control_headers, grants, allowed,
       forbidden, presets, options, on_invalid, lifetime, refuse_suppressed, quota
  from credential where folded = ?
"""
# credentials: of one account, or of all for a null.
CREDENTIALS: Final = """
select username, account, password_hash, created, note, disabled, sandbox, control_headers, grants, allowed,
       forbidden, presets, options, on_invalid, lifetime, refuse_suppressed, quota
  from credential where ?1 is null or account = ?1 order by folded
"""
UPDATE_CREDENTIAL: Final = """
update credential set username = ?, account = ?, password_hash = ?, created = ?, note = ?, disabled = ?,
                      sandbox = ?, control_headers = ?, grants = ?, allowed = ?, forbidden = ?, presets = ?,
                      options = ?, on_invalid = ?, lifetime = ?, refuse_suppressed = ?, quota = ?
 where folded = ?
"""

# domains
ADD_DOMAIN: Final = """
insert into domain (name, account, challenge, created, verified, verified_by, options, bounce_host, bounce_verified,
                    tracking_host, tracking_https, tracking_verified, spf, dmarc)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
DOMAIN: Final = """
select name, account, challenge, created, verified, verified_by, options, bounce_host, bounce_verified,
       tracking_host, tracking_https, tracking_verified, spf, dmarc
  from domain where name = ?
"""
DOMAINS: Final = """
select name, account, challenge, created, verified, verified_by, options, bounce_host, bounce_verified,
       tracking_host, tracking_https, tracking_verified, spf, dmarc
  from domain where ?1 is null or account = ?1 order by name
"""
# tracking_hosts: the domains whose links lead to a host of theirs; of those that share one the first by name stays.
TRACKING_HOSTS: Final = """
select name, account, challenge, created, verified, verified_by, options, bounce_host, bounce_verified,
       tracking_host, tracking_https, tracking_verified, spf, dmarc
  from domain where tracking_host <> '' and tracking_verified is not null and verified is not null order by name desc
"""
UPDATE_DOMAIN: Final = """
update domain set name = ?, account = ?, challenge = ?, created = ?, verified = ?, verified_by = ?, options = ?,
                  bounce_host = ?, bounce_verified = ?, tracking_host = ?, tracking_https = ?, tracking_verified = ?,
                  spf = ?, dmarc = ?
 where name = ?
"""
VERIFY_DOMAIN: Final = "update domain set verified = ?, verified_by = ? where name = ?"
REMOVE_DOMAIN: Final = "delete from domain where name = ?"
REMOVE_KEYS: Final = "delete from dkim_key where domain = ?"

# presets, found by account and case-folded name
PUT_PRESET: Final = "insert or replace into preset (account, folded, name, options, created) values (?, ?, ?, ?, ?)"
PRESET: Final = "select account, name, options, created from preset where account = ? and folded = ?"
PRESETS: Final = """
select account, name, options, created from preset where ?1 is null or account = ?1 order by account, folded
"""
REMOVE_PRESET: Final = "delete from preset where account = ? and folded = ?"

# keys of return paths, the newest first
ADD_RETURN_KEY: Final = "insert into return_key (secret, created) values (?, ?) returning number, secret, created"
RETURN_KEYS: Final = "select number, secret, created from return_key order by number desc"
# forget_return_keys: those that a newer one replaced before a time.
FORGET_RETURN_KEYS: Final = """
delete from return_key where number < (select max(number) from return_key where created < ?)
"""

# keys of links, the same way
ADD_LINK_KEY: Final = "insert into link_key (secret, created) values (?, ?) returning number, secret, created"
LINK_KEYS: Final = "select number, secret, created from link_key order by number desc"
FORGET_LINK_KEYS: Final = """
delete from link_key where number < (select max(number) from link_key where created < ?)
"""

# orders to the queue, and which shard did them
ADD_ORDER: Final = """
insert into queue_order (at, who, act, selection, reason, lifetime) values (?, ?, ?, ?, ?, ?)
returning number, at, who, act, selection, reason, lifetime
"""
# orders: those a shard has not done yet, in order.
ORDER: Final = "select number, at, who, act, selection, reason, lifetime from queue_order where number = ?"
ORDERS: Final = """
select number, at, who, act, selection, reason, lifetime from queue_order
 where not exists (select 1 from order_done where order_done.number = queue_order.number and shard = ?)
 order by number
"""
ORDER_DONE: Final = """
insert or replace into order_done (number, shard, at, changed, in_flight) values (?, ?, ?, ?, ?)
"""
DONE: Final = "select number, shard, at, changed, in_flight from order_done where number = ? order by shard"
# forget_orders: what their shards came to goes with them.
FORGET_ORDERS: Final = "delete from queue_order where at < ?"

# keys, the newest first
ADD_KEY: Final = """
insert into dkim_key (domain, selector, algorithm, private_pem, public_base64, created, state,
                      custom, always, start, "end")
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
KEYS: Final = """
select domain, selector, algorithm, private_pem, public_base64, created, state, custom, always, start, "end"
  from dkim_key
 where ?1 is null or domain = ?1 order by created desc, selector
"""
ALWAYS_KEYS: Final = """
select domain, selector, algorithm, private_pem, public_base64, created, state, custom, always, start, "end"
  from dkim_key
 where always = 1
   and domain in (select name from domain where account = ?1 and verified is not null)
 order by created desc, domain, selector
"""
PENDING_KEYS: Final = """
select domain, selector, algorithm, private_pem, public_base64, created, state, custom, always, start, "end"
  from dkim_key where state = 'pending' and domain || ' ' || selector > ?1 order by domain || ' ' || selector limit ?2
"""
DUE_KEYS: Final = """
select domain, selector, algorithm, private_pem, public_base64, created, state, custom, always, start, "end"
  from dkim_key as key
 where state = 'active' and custom = 0 and coalesce(start, created) <= ?1
   and domain in (select name from domain where verified is not null)
   and not exists (select 1 from dkim_key as other
                    where other.domain = key.domain and other.algorithm = key.algorithm and other.custom = 0
                      and (other.state = 'pending' or other.state = 'active' and other.created > key.created))
   and domain || ' ' || selector > ?2
 order by domain || ' ' || selector limit ?3
"""
UPDATE_KEY: Final = """
update dkim_key set algorithm = ?, private_pem = ?, public_base64 = ?, state = ?, custom = ?, always = ?, start = ?,
                    "end" = ?
 where domain = ? and selector = ?
"""
REMOVE_KEY: Final = "delete from dkim_key where domain = ? and selector = ?"
SET_KEY_STATE: Final = "update dkim_key set state = ? where domain = ? and selector = ?"

# tokens; when one was used last stands apart, and does not raise the version
ADD_TOKEN: Final = """
insert into token (id, account, digest, scopes, created, note, credential, rate) values (?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S105
TOKEN: Final = """
select id, account, digest, scopes, created, note, credential, rate from token where id = ?
"""  # noqa: S105
TOKENS: Final = """
select id, account, digest, scopes, created, note, credential, rate from token
 where ?1 is null or account = ?1 order by created, id
"""
UPDATE_TOKEN: Final = """
update token set account = ?, digest = ?, scopes = ?, created = ?, note = ?, credential = ?, rate = ? where id = ?
"""  # noqa: S105
REMOVE_TOKEN: Final = "delete from token where id = ?"  # noqa: S105
REMOVE_TOKEN_USE: Final = "delete from token_use where id = ?"  # noqa: S105
TOKEN_USED: Final = """
insert into token_use (id, at) select id, ?2 from token where id = ?1
    on conflict (id) do update set at = excluded.at where excluded.at > at
"""  # noqa: S105
TOKENS_USED: Final = "select id, at from token_use"

# who did what, the newest first
AUDIT: Final = "insert into audit (at, who, act, detail) values (?, ?, ?, ?)"
AUDITS: Final = "select at, who, act, detail from audit order by seq desc limit ?"

# --- webhooks ---

WEBHOOK_URLS: Final = "select data ->> '$.url' from webhook where account = ?"
