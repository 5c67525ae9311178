-- What links of ours in a message name: where each leads, kept once for all messages that lead to the same places.

alter table message add column links integer not null default 0;      -- 1: it has links of ours
alter table message add column author text not null default '';       -- domain in From

create table target_set (
    key integer primary key,
    digest blob not null unique,      -- 16 octets, of account and targets
    targets blob not null             -- JSON list, or zlib of one
) strict;

-- Which set a content has; its key is the content's, and outlives it.
create table tracked (
    key integer primary key,
    target_set integer not null references target_set (key)
) strict;

-- Whether a set is in use.
create index tracked_set on tracked (target_set);

-- From here on `sandbox` may be 3, too: as 2, and kept for its links; or 4: for its links and its return path.
