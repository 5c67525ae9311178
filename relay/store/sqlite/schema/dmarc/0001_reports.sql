-- Aggregate reports of DMARC, whose XML lies in files beside. Times are seconds since 1970, UTC.

create table report (
    number integer primary key,
    account text not null,            -- whose the domain was when it came
    arrived real not null,
    day text not null,                -- of that, YYYY-MM-DD
    organization text not null,
    email text not null,
    reporter text not null,           -- domain of the organization, lower case
    report_id text not null,
    domain text not null,             -- reported on, lower case
    policy text not null,
    begin real not null,
    end real not null,
    file text not null,               -- below the directory of reports
    size integer not null,            -- octets of the file
    messages integer not null,
    failed_spf integer not null,
    failed_dkim integer not null,
    unique (organization, report_id, domain)
) strict;

create index report_day on report (account, day, domain, reporter, number);
create index report_arrived on report (arrived);

-- the same by the domain in From
create table sending (
    report integer not null references report (number) on delete cascade,
    domain text not null,
    messages integer not null,
    failed_spf integer not null,
    failed_dkim integer not null,
    primary key (report, domain)
) strict, without rowid;
