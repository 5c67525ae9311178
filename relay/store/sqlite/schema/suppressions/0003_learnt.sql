-- Up to which row of each shard's journal the reporter carried events into this list: written with the entries they
-- made, so that a journal that is read again changes nothing, also not what an operator did in between.

create table learnt (
    shard integer primary key,
    seq integer not null
) strict;
