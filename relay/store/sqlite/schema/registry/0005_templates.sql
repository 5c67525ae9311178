-- Stored templates: what a message can be made from by name, with their older versions.
create table template (
    id integer primary key autoincrement,  -- never used twice
    account text not null references account (name),
    folded text not null,             -- name, case-folded
    name text not null,
    unique (account, folded)
) strict;

create table template_version (
    template integer not null references template (id) on delete cascade,
    version integer not null,         -- from 1, rising
    subject text not null,
    html text not null,
    text text not null,
    created real not null,
    note text not null,
    primary key (template, version)
) strict;
