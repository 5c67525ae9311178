"""The report database: what the journals said, folded for search. The one file with its SQL.

One process writes it (the reporter), anybody reads it. Rows and the cursor of their shard are written in one
transaction, so that after a crash folding goes on exactly where it stopped.

Why so: `synchronous=full`. The owner of a shard prunes journal rows the cursor says are folded; a fold that
a power cut took back would be missing for ever. It costs one fsync a turn of the reporter, two turns a second.
"""

from __future__ import annotations

from pathlib import Path

import apsw

from relay.store.interface import StoreDown
from relay.store.sqlite.connect import connect_frozen, connect_reader, connect_writer, fetch, schema_version

NAME = "report.db"

# Numbered from 1; `pragma user_version` keeps the number of the last step taken.
STEPS = (
    """
    create table cursor (shard integer primary key, seq integer not null) without rowid;
    create table event (
        id integer primary key,
        shard integer not null,
        seq integer not null,
        at real not null,
        name text not null,
        message text not null,      -- submission id, or ''
        account text not null,
        data text not null          -- the event as JSON
    );
    create index event_at on event (at);
    create index event_message on event (message, at);
    create index event_account on event (account, at);
    create index event_name on event (name, at);
    -- whom an event concerns: one row a forward-path
    create table about (
        address text not null,      -- lower case
        at real not null,
        event integer not null,
        domain text not null,
        primary key (address, at, event)
    ) without rowid;
    create index about_domain on about (domain, at, event);
    -- which messages bear a tag
    create table tagged (
        tag text not null,
        message text not null,
        at real not null,
        primary key (tag, message)
    ) without rowid;
    """,
    """
    -- what a message was labelled with: kind is tag, campaign, message_ref, template (its number) or from (its
    -- reverse-path, lower case)
    create table labelled (
        kind text not null,
        value text not null,
        message text not null,
        at real not null,
        primary key (kind, value, message)
    ) without rowid;
    insert into labelled select 'tag', tag, message, at from tagged;
    insert or ignore into labelled
        select 'from', lower(data ->> 'from'), message, at from event
         where name = 'received' and data ->> 'from' <> '';
    drop table tagged;
    create index event_credential on event (data ->> 'credential' collate nocase, at);
    """,
    """
    -- how often an event happened to recipients, by hour. kind: account (name is ''), tag, campaign, domain, site.
    -- variant: '' by people; machine; first (the first of its recipient, counted under '' as well); back
    -- (unsubscribing, taken back). Of tests: `test` in place of '', `test-machine` and so on
    create table counted (
        hour integer not null,      -- since 1970, UTC
        kind text not null,
        account text not null,
        name text not null,
        event text not null,
        variant text not null,
        count integer not null,
        primary key (hour, kind, account, name, event, variant)
    ) without rowid;
    -- which recipients opened and clicked before; forgotten with the event that came first
    create table once (
        message text not null,
        recipient integer not null,
        name text not null,
        primary key (message, recipient, name)
    ) without rowid;
    -- on which days an address gave a reason to be suppressed that one day is not enough for
    create table strike (
        day integer not null,       -- since 1970, UTC
        account text not null,
        address text not null,      -- lower case
        class text not null,
        primary key (account, address, class, day)
    ) without rowid;
    create index strike_day on strike (day);
    -- up to where the addresses of clients were cut out of events of a name
    create table cut (name text primary key, at real not null, id integer not null) without rowid;
    """,
    # what is counted under one name, without a look at all the others
    "create index counted_name on counted (kind, account, name, hour)",
)

# the last journal row folded of each shard
CURSORS = "select shard, seq from cursor"
ADVANCE = "insert into cursor (shard, seq) values (?, ?) on conflict (shard) do update set seq = excluded.seq"
LAST_EVENT = "select ifnull(max(id), 0) from event"
ADD_EVENT = "insert into event (id, shard, seq, at, name, message, account, data) values (?, ?, ?, ?, ?, ?, ?, ?)"
ADD_ABOUT = "insert or ignore into about (address, at, event, domain) values (?, ?, ?, ?)"
ADD_LABEL = "insert or ignore into labelled (kind, value, message, at) values (?, ?, ?, ?)"
FIRST_SINCE = "select min(id) - 1 from event where at >= ?"
BEARING = "select count(*) from (select 1 from labelled where kind = ? and value = ? limit ?)"
HISTORY = "select shard, seq, data from event where message = ? order by at, id"
LABELLED = "select message from labelled where kind = ? and value = ? order by message desc limit ?"
# forget: the oldest first, a slice at a time, so that folding never waits long
OLDEST = "select id, shard, seq, data from event where at < ? order by at limit ?"
FORGET_EVENT = "delete from event where id = ?"
FORGET_ABOUT = "delete from about where address = ? and at = ? and event = ?"
FORGET_LABEL = "delete from labelled where kind = ? and value = ? and message = ?"
FORGET_ONCE = "delete from once where message = ? and recipient = ? and name = ?"
FORGET_COUNTS = "delete from counted where hour < ?"
FORGET_STRIKES = "delete from strike where day < ?"
# counts: written with the events they count, in one transaction
COUNT = """
insert into counted (hour, kind, account, name, event, variant, count) values (?, ?, ?, ?, ?, ?, ?)
on conflict do update set count = count + excluded.count
"""
NAMES = "select distinct name from counted where hour >= ? and hour < ? and kind = ? and account = ?"
ONCE = "insert or ignore into once (message, recipient, name) values (?, ?, ?)"
SITE = """
select event.data ->> 'site' from about join event on event.id = about.event
 where about.address = ? and event.message = ? and event.name = 'delivered' order by about.at desc limit 1
"""
# what is known of the message an event is about
RECEIVED = """
select data from event indexed by event_message where message = ? and name = 'received' order by at, id limit 1
"""
DELIVERED = """
select event.data from about join event on event.id = about.event
 where about.address = ? and event.message = ? and event.name = 'delivered' order by about.at desc limit 1
"""
# by name of what is counted: days, then what there was on a day; a tag, and those that were active of late
DAYS = """
with recursive hours(hour) as (select :first union all select hour + 1 from hours where hour < :last)
select hours.hour / 24, counted.event from hours cross join counted
    on counted.hour = hours.hour and counted.kind = 'account' and counted.account = :account and counted.name = ''
 group by 1, 2 order by 1
"""
TAG = """
select event, variant, sum(count), min(hour), max(hour) from counted indexed by counted_name
 where kind = 'tag' and account = :account and name = :name
   and event in ('received', 'delivered', 'opened', 'clicked')
 group by 1, 2
"""
RECENT_TAGS = """
select name, max(hour) from counted
 where hour >= :since and +kind = 'tag' and account = :account and name <> :other -- +: along the hours
   and event in ('received', 'delivered', 'opened', 'clicked') and (variant like 'test%') = :test
 group by 1 order by 2 desc, 1 limit :limit
"""
# strikes: each day counts once
STRIKE = "insert or ignore into strike (day, account, address, class) values (?, ?, ?, ?)"
STRIKES = "select count(*) from strike where account = ? and address = ? and class = ? and day > ? and day <= ?"
ERASE_STRIKES = "delete from strike where address = ?"
# cut: the next events that may have a client's address
CUT_FROM = "select at, id from cut where name = ?"
CUT_TO = "insert into cut (name, at, id) values (?, ?, ?) on conflict (name) do update set at = ?2, id = ?3"
WITH_CLIENTS = """
select id, at, data from event where name = ? and (at, id) > (?, ?) and at < ? order by at, id limit ?
"""
# erase: the next piece of all events, those in it with a text in their data, and one of them told anew
PIECE_END = "select max(id) from (select id from event where id > ? order by id limit ?)"
NAMING = "select id from event where id > ? and id <= ? and instr(folded(data), ?)"
EVENT_AT = "select data from event where id = ?"
REWRITE_EVENT = "update event set data = ? where id = ?"


def open_to_write(data: Path) -> apsw.Connection:
    """Made if it is not there.

    Raises:
        StoreDown: it cannot be opened, or a newer version of the program made it.
    """
    path = data / NAME
    try:
        connection = connect_writer(path)
        path.chmod(0o600)
        for number, step in enumerate(STEPS, 1):
            if schema_version(connection) < number:
                connection.execute(f"begin immediate; {step}; pragma user_version = {number}; commit")
        found = schema_version(connection)
    except (apsw.Error, OSError) as error:
        raise StoreDown(f"{path} cannot be opened: {error}") from error
    if found != len(STEPS):
        raise StoreDown(f"{path} has schema {found}, this program needs {len(STEPS)}")
    return connection


def open_to_read(data: Path) -> apsw.Connection | None:
    """None when there is none yet.

    Raises:
        StoreDown: it cannot be read, or another version of the program made it.
    """
    path = data / NAME
    if not path.exists():
        return None
    try:
        try:
            connection = connect_reader(path)
        except (apsw.CantOpenError, apsw.ReadOnlyError):
            connection = connect_frozen(path)  # a directory we may only read, and nobody writes
        found = schema_version(connection)
    except apsw.Error as error:
        raise StoreDown(f"{path} cannot be read: {error}") from error
    if found == 0:
        return None  # the reporter is making it just now
    if found != len(STEPS):
        raise StoreDown(f"{path} has schema {found}, this program needs {len(STEPS)}")
    return connection


def cursors(connection: apsw.Connection) -> dict[int, int]:
    return {shard: seq for shard, seq in fetch(connection, CURSORS)}
