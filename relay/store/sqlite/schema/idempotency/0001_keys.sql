-- Which key was used for which submission. Times are seconds since 1970, UTC.

create table reservation (
    credential text not null,
    key text not null,
    id text not null,                 -- of the submission
    shard integer not null,           -- the one that makes such ids
    recipients integer not null,
    envelope text not null,           -- digest of reverse-path and recipients
    at real not null,
    kept integer not null,            -- 1: the submission is known to be on disk
    primary key (credential, key)
) strict, without rowid;

create index reservation_at on reservation (at);

-- What a start has to settle; empty but for the moment between reserving and storing.
create index reservation_open on reservation (shard) where kept = 0;
