-- Who had which campaign of an account, so that nobody gets it twice. Times are seconds since 1970, UTC.

create table had (
    key blob primary key,             -- digest of account, campaign and address
    id text not null,                 -- of the submission
    shard integer not null,           -- the one that makes such ids
    at real not null,
    kept integer not null             -- 1: the submission is known to be on disk
) strict, without rowid;

create index had_at on had (at);

-- What a start has to settle; empty but for the moment between claiming and storing.
create index had_open on had (id, shard) where kept = 0;
