"""The SQL of the outbox of webhooks.

`waiting` is in the order of arrival. A row has a time (`due`) when nothing of its recipient stands before it at the
same webhook; else null, until that has gone. `lane` is the recipient's id, or the submission's for what concerns all
of its recipients, which goes before what comes later for each of them.
"""

from __future__ import annotations

from typing import Final

# Numbered from 1; `pragma user_version` keeps the number of the last step taken.
STEPS: Final = (
    """
    create table cursor (shard integer primary key, seq integer not null) without rowid;
    create table waiting (
        id integer primary key autoincrement,
        hook text not null,
        event text not null,        -- <shard>-<seq> of its journal row
        kind text not null,         -- type of SMTPeter; '' for ours
        message text not null,      -- submission id; of what has none, its event
        lane text not null,
        came real not null,
        due real,
        attempts integer not null,
        data text not null          -- JSON: the event and what is known of its message
    );
    create unique index waiting_event on waiting (hook, event, kind);
    create index waiting_due on waiting (hook, due, id) where due is not null;
    create index waiting_lane on waiting (hook, message, lane, id);
    create index waiting_came on waiting (hook, id);
    create table dead (
        id integer primary key autoincrement,
        hook text not null,
        event text not null,
        kind text not null,
        message text not null,
        lane text not null,
        name text not null,         -- of the event
        at real not null,           -- of the event
        died real not null,
        reason text not null,
        attempts integer not null,
        data text not null,
        octets integer not null,
        client integer not null     -- 1: it has the address of who opened or clicked
    );
    create index dead_hook on dead (hook, id);
    create index dead_octets on dead (octets);
    create index dead_died on dead (died);
    create index dead_client on dead (at) where client = 1;
    create table answer (
        id integer primary key autoincrement,
        hook text not null,
        at real not null,
        events integer not null,    -- in the request
        event text not null,        -- the first of them
        attempt integer not null,   -- of that
        status integer not null,    -- of HTTP; 0: there was no answer
        text text not null,
        seconds real not null
    );
    create index answer_hook on answer (hook, id);
    create table endpoint (
        hook text primary key,
        failures integer not null,  -- in a row
        failing_since real,
        paused_until real not null,
        last_success real,
        lost integer not null       -- events that found no room
    ) without rowid;
    -- messages that name a webhook of their own
    create table routed (message text primary key, url text not null, at real not null) without rowid;
    """,
)

CURSORS: Final = "select shard, seq from cursor"
ADVANCE: Final = "insert into cursor (shard, seq) values (?, ?) on conflict (shard) do update set seq = excluded.seq"
# add: due at once, or when what stands before it has gone.
ADD: Final = """
insert or ignore into waiting (hook, event, kind, message, lane, came, due, attempts, data)
select :hook, :event, :kind, :message, :lane, :now,
       case when exists (select 1 from waiting where hook = :hook and message = :message
                                                 and lane in (:lane, :message)) then null else :now end, 0, :data
"""
COUNT: Final = "select count(*) from waiting where hook = ?"
# waiting_hooks: each once, by as many steps in the index as there are webhooks.
WAITING_HOOKS: Final = """
with recursive it (hook) as (
    select min(hook) from waiting
    union all select (select min(hook) from waiting where hook > it.hook) from it where it.hook is not null
) select hook from it where hook is not null
"""
DUE: Final = """
select id, event, kind, message, lane, came, attempts, data from waiting
 where hook = ? and due <= ? order by due, id limit ?
"""
NEXT: Final = "select min(due) from waiting where hook = ? and due is not null"
ROW: Final = "select hook, event, kind, message, lane, attempts, data from waiting where id = ?"
GONE: Final = "delete from waiting where id = ?"
LATER: Final = "update waiting set due = ?, attempts = ? where id = ?"
# free: what stood behind what has gone: of its recipient, or of all recipients of its message.
_HEAD = """
update waiting set due = :now
 where hook = :hook and message = :message and due is null {lane} and not exists (
       select 1 from waiting as before
        where before.hook = waiting.hook and before.message = waiting.message
          and before.lane in (waiting.lane, waiting.message) and before.id < waiting.id)
"""
FREE_LANE: Final = _HEAD.format(lane="and lane = :lane")
FREE_MESSAGE: Final = _HEAD.format(lane="")
SOONER: Final = "update waiting set due = :now where hook = :hook and due > :now"
# ahead: further off than anything is put off; the clock was set back since.
AHEAD: Final = "update waiting set due = :now where hook = :hook and due > :latest"
PAUSED_AHEAD: Final = "update endpoint set paused_until = :now where hook = :hook and paused_until > :latest"
OLD: Final = "select id from waiting where hook = ? and came < ? order by id limit ?"
ANY: Final = "select id from waiting where hook = ? order by id limit ?"
FORGET_HOOK: Final = "delete from waiting where id in (select id from waiting where hook = ? order by id limit ?)"

BURY: Final = """
insert into dead (hook, event, kind, message, lane, name, at, died, reason, attempts, data, octets, client)
select hook, event, kind, message, lane, data ->> '$.event.event', data ->> '$.event.at', :now, :reason, attempts,
       data, length(data), data ->> '$.event.client' is not null from waiting where id = :id
"""
DEAD: Final = """
select id, event, kind, name, at, died, reason, attempts, data from dead
 where hook = :hook and id > :after and (:since is null or at >= :since)
   and (:event = '' or name = :event or event = :event) order by id limit :limit
"""
DEAD_COUNT: Final = "select count(*) from dead where hook = ?"
EXHUME: Final = """
select id, hook, event, kind, message, lane, data from dead
 where hook = :hook and id <= :last and (:since is null or at >= :since)
   and (:event = '' or name = :event or event = :event) order by id limit :limit
"""
LAST_DEAD: Final = "select ifnull(max(id), 0) from dead"
FORGET_DEAD: Final = "delete from dead where id = ?"
DEAD_OLD: Final = "delete from dead where id in (select id from dead where died < ? limit ?)"
DEAD_OCTETS: Final = "select ifnull(sum(octets), 0) from dead"
DEAD_FIRST: Final = "select id, octets from dead order by id limit ?"
# forget_clients: addresses of those who opened or clicked, once they are too old.
FORGET_CLIENTS: Final = """
update dead set data = json_remove(data, '$.event.client'), client = 0
 where id in (select id from dead where client = 1 and at < ? limit ?)
"""
FORGET_DEAD_HOOK: Final = "delete from dead where hook = ?"

ANSWERED: Final = """
insert into answer (hook, at, events, event, attempt, status, text, seconds) values (?, ?, ?, ?, ?, ?, ?, ?)
"""
TRIM_ANSWERS: Final = """
delete from answer where hook = :hook
   and id <= (select id from answer where hook = :hook order by id desc limit 1 offset :keep)
"""
ANSWERS: Final = """
select at, events, event, attempt, status, text, seconds from answer where hook = ? order by id desc limit ?
"""
FORGET_ANSWERS: Final = "delete from answer where hook = ?"

ENDPOINT: Final = "select failures, failing_since, paused_until, last_success, lost from endpoint where hook = ?"
PUT_ENDPOINT: Final = """
insert into endpoint (hook, failures, failing_since, paused_until, last_success, lost) values (?, ?, ?, ?, ?, 0)
    on conflict (hook) do update set failures = excluded.failures, failing_since = excluded.failing_since,
       paused_until = excluded.paused_until, last_success = excluded.last_success
"""
LOST: Final = """
insert into endpoint (hook, failures, failing_since, paused_until, last_success, lost) values (?, 0, null, 0, null, ?)
    on conflict (hook) do update set lost = lost + excluded.lost
"""
FORGET_ENDPOINT: Final = "delete from endpoint where hook = ?"

ROUTE: Final = "insert or replace into routed (message, url, at) values (?, ?, ?)"
ROUTED: Final = "select url from routed where message = ?"
ROUTES: Final = "select exists (select 1 from routed)"
FORGET_ROUTES: Final = "delete from routed where message in (select message from routed where at < ? limit ?)"

# erase: rows that name an address, of a piece of the table
NAMING: Final = "select id from waiting where id > ? and instr(folded(data), ?) order by id limit ?"
NAMING_DEAD: Final = "select id from dead where id > ? and instr(folded(data), ?) order by id limit ?"
