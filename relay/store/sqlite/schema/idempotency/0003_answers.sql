-- What calls of the HTTP API with an Idempotency-Key answered. Times are seconds since 1970, UTC.

create table answer (
    name blob primary key,            -- digest of account, method, path and key
    fingerprint blob not null,        -- digest of the request
    at real not null,                 -- of the request
    status integer,                   -- null: the answer is not known (yet, or any more)
    media text,
    headers text,                     -- JSON object
    body blob
) strict;

create index answer_at on answer (at);
