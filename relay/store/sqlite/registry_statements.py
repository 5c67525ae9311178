"""The SQL of the registry, each statement with a name and a sentence."""

from __future__ import annotations

from typing import Final

# version, raise_version: a number that rises with every change.
VERSION: Final = "select version from registry"
RAISE_VERSION: Final = "update registry set version = version + 1"

# accounts
ADD_ACCOUNT: Final = "insert into account (name, created, disabled) values (?, ?, ?)"
ACCOUNT: Final = "select name, created, disabled from account where name = ?"
ACCOUNTS: Final = "select name, created, disabled from account order by name"
DISABLE_ACCOUNT: Final = "update account set disabled = ? where name = ?"

# credentials, found by their case-folded user name
ADD_CREDENTIAL: Final = """
insert into credential (folded, username, account, password_hash, created, note, disabled, sandbox,
                        control_headers, grants)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
CREDENTIAL: Final = """
select username, account, password_hash, created, note, disabled, sandbox, control_headers, grants
  from credential where folded = ?
"""
# credentials: of one account, or of all for a null.
CREDENTIALS: Final = """
select username, account, password_hash, created, note, disabled, sandbox, control_headers, grants
  from credential where ?1 is null or account = ?1 order by folded
"""
UPDATE_CREDENTIAL: Final = """
update credential set username = ?, account = ?, password_hash = ?, created = ?, note = ?, disabled = ?,
                      sandbox = ?, control_headers = ?, grants = ?
 where folded = ?
"""

# domains
ADD_DOMAIN: Final = """
insert into domain (name, account, challenge, created, verified, verified_by) values (?, ?, ?, ?, ?, ?)
"""
DOMAIN: Final = """
select name, account, challenge, created, verified, verified_by from domain where name = ?
"""
DOMAINS: Final = """
select name, account, challenge, created, verified, verified_by from domain
 where ?1 is null or account = ?1 order by name
"""
VERIFY_DOMAIN: Final = "update domain set verified = ?, verified_by = ? where name = ?"
REMOVE_DOMAIN: Final = "delete from domain where name = ?"
REMOVE_KEYS: Final = "delete from dkim_key where domain = ?"

# keys, the newest first
ADD_KEY: Final = """
insert into dkim_key (domain, selector, algorithm, private_pem, public_base64, created, state)
values (?, ?, ?, ?, ?, ?, ?)
"""
KEYS: Final = """
select domain, selector, algorithm, private_pem, public_base64, created, state from dkim_key
 where ?1 is null or domain = ?1 order by created desc, selector
"""
SET_KEY_STATE: Final = "update dkim_key set state = ? where domain = ? and selector = ?"

# tokens
ADD_TOKEN: Final = """
insert into token (id, account, digest, scopes, created, note) values (?, ?, ?, ?, ?, ?)
"""  # noqa: S105
TOKEN: Final = """
select id, account, digest, scopes, created, note from token where id = ?
"""  # noqa: S105
TOKENS: Final = """
select id, account, digest, scopes, created, note from token
 where ?1 is null or account = ?1 order by created, id
"""

# who did what, the newest first
AUDIT: Final = "insert into audit (at, who, act, detail) values (?, ?, ?, ?)"
AUDITS: Final = "select at, who, act, detail from audit order by seq desc limit ?"
