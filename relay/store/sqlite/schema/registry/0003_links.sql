-- Links of ours: what signs their tokens, and the hosts they lead to.

create table link_key (
    number integer primary key autoincrement,  -- never used twice
    secret blob not null,
    created real not null
) strict;

alter table domain add column tracking_host text not null default '';
alter table domain add column tracking_https integer not null default 0;
alter table domain add column tracking_verified real;                   -- null: not seen to lead to us
