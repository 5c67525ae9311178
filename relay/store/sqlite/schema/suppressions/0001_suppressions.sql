-- Who gets no mail. Times are seconds since 1970, UTC.

create table suppression (
    address text not null,            -- lower case; '@example.net' is everybody there
    account text not null,            -- '' holds for every account
    stream text not null,             -- '' holds for every stream
    cause text not null,
    note text not null,
    created real not null,
    until real,                       -- null: for good
    primary key (address, account, stream)
) strict, without rowid;
