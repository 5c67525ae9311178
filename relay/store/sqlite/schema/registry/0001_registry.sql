-- Accounts and what belongs to them. Times are seconds since 1970, UTC.

create table registry (
    version integer not null          -- rises with every change
) strict;

insert into registry values (1);

create table account (
    name text primary key,
    created real not null,
    disabled integer not null
) strict;

create table credential (
    folded text primary key,          -- user name, case-folded
    username text not null,
    account text not null references account (name),
    password_hash text not null,      -- argon2id, PHC string
    created real not null,
    note text not null,
    disabled integer not null,
    sandbox integer not null,
    control_headers text not null,
    grants text not null              -- JSON list
) strict;

create table domain (
    name text primary key,            -- A-labels, lower case
    account text not null references account (name),
    challenge text not null,
    created real not null,
    verified real,                    -- null: not verified
    verified_by text not null
) strict;

create table dkim_key (
    domain text not null,
    selector text not null,
    algorithm text not null,
    private_pem text not null,
    public_base64 text not null,
    created real not null,
    state text not null,
    primary key (domain, selector)
) strict;

create table token (
    id text primary key,
    account text not null references account (name),
    digest text not null,             -- SHA-256 of the whole token, hex
    scopes text not null,             -- JSON list
    created real not null,
    note text not null
) strict;

create table audit (
    seq integer primary key autoincrement,
    at real not null,
    who text not null,
    act text not null,
    detail text not null              -- JSON object
) strict;
