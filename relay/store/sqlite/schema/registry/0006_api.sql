-- What the HTTP API asks of accounts: whose grants a token has, records of domains, keys that accounts bring,
-- templates that are documents.
alter table token add column credential text not null default '';
alter table token add column rate integer;        -- requests a minute; null: as configured

-- When a token was used last: noted often, and nobody's memory of the registry has to go for it.
create table token_use (
    id text primary key,
    at real not null
) strict;

alter table domain add column spf text not null default '[]';      -- JSON list of mechanisms
alter table domain add column dmarc text not null default '{}';    -- JSON object

alter table dkim_key add column custom integer not null default 0;
alter table dkim_key add column always integer not null default 0;
alter table dkim_key add column start real;
alter table dkim_key add column "end" real;

alter table template_version add column document text not null default '';
