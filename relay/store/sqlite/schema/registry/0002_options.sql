-- Defaults, permissions and quotas; presets, keys of return paths, orders to the queue.

alter table account add column options text not null default '{}';     -- JSON object, by option
alter table account add column quota text not null default '{}';       -- JSON object, what is not the default

alter table credential add column allowed text not null default '{}';  -- JSON object of lists, by option
alter table credential add column forbidden text not null default '[]';  -- JSON list
alter table credential add column presets text not null default '[]';    -- JSON list
alter table credential add column options text not null default '{}';
alter table credential add column on_invalid text not null default 'reject';
alter table credential add column lifetime real;                       -- seconds; null: the relay's
alter table credential add column refuse_suppressed integer not null default 0;
alter table credential add column quota text not null default '{}';

alter table domain add column options text not null default '{}';
alter table domain add column bounce_host text not null default '';
alter table domain add column bounce_verified real;                    -- null: not seen to lead to us

create table preset (
    account text not null references account (name),
    folded text not null,             -- name, case-folded
    name text not null,
    options text not null,            -- JSON object
    created real not null,
    primary key (account, folded)
) strict;

create table return_key (
    number integer primary key autoincrement,  -- never used twice
    secret blob not null,
    created real not null
) strict;

create table queue_order (
    number integer primary key autoincrement,
    at real not null,
    who text not null,
    act text not null,
    selection text not null,          -- JSON object, what was given
    reason text not null,
    lifetime real not null            -- of what is released, in seconds
) strict;

create table order_done (
    number integer not null references queue_order (number) on delete cascade,
    shard integer not null,
    at real not null,
    changed integer not null,
    in_flight integer not null,
    primary key (number, shard)
) strict;
