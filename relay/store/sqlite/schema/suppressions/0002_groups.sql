-- Who unsubscribed from one group of mail gets the rest; and each cause stands by itself, so that an unsubscribe is
-- still there when a bounce of the same address is over.

create table suppression_by_cause (
    address text not null,            -- lower case; '@example.net' is everybody there
    account text not null,            -- '' holds for every account
    stream text not null,             -- '' holds for every stream
    suppression_group text not null,  -- '' holds for every group
    cause text not null,
    note text not null,
    created real not null,
    until real,                       -- null: for good
    primary key (address, account, stream, suppression_group, cause)
) strict, without rowid;

insert into suppression_by_cause
select address, account, stream, '', cause, note, created, until from suppression;

drop table suppression;

alter table suppression_by_cause rename to suppression;
