-- Where events are told, and the keys that sign what SMTPeter's receivers check.
create table webhook (
    id text primary key,
    account text not null references account (name),
    created real not null,
    data text not null              -- the rest of it, as JSON; secrets of signatures among it
) without rowid;
create index webhook_account on webhook (account);

create table webhook_key (
    selector text primary key,
    domain text not null,           -- its record stands at <selector>._domainkey.<domain>
    private_pem text not null,
    public_base64 text not null,
    created real not null,
    state text not null             -- active: the oldest of them signs; retired: published still
) without rowid;
