-- One shard of the queue: messages, their contents and recipients, and the journal of what happened.
--
-- A recipient's and a content's key is its message's key times 2^24, plus its number, so that all of a
-- message lie side by side and neither table needs a second index.

create table message (
    key integer primary key,
    id text not null unique,          -- submission id, as others know it
    account text not null,
    credential text not null,
    reverse_path text not null,       -- '' is the null reverse-path
    envid text,
    ret text not null,
    body text not null,
    smtputf8 integer not null,
    received real not null,           -- all times: seconds since 1970, UTC
    deadline real not null,
    size integer not null,            -- octets of content 0
    resolved text,                    -- JSON; null: no option was given
    origin text not null,
    sandbox integer not null,
    peer text not null,
    bytes integer not null,           -- octets of all its contents
    open integer not null,            -- recipients whose state is not final
    ended real                        -- when the last of them became final; null while one is open
) strict;

-- What is still open at start, what has outlived its retention, and how much the sandbox holds.
create index message_ended on message (sandbox, ended, bytes);

create table content (
    key integer primary key,
    octets blob                       -- null: in the file contents/<key>
) strict;

create table recipient (
    key integer primary key,
    account text not null,
    domain text not null,
    address text not null,
    notify integer not null,          -- bits: 1 success, 2 failure, 4 delay; 0 never
    original text,                    -- ORCPT
    content integer not null,         -- number of its content
    state text not null,
    attempts integer not null,
    next_attempt real,                -- also while in flight: when this attempt was due
    reply text not null,              -- the last one
    ended real
) strict;

-- What waits, by lane and time. Recipients that are delivered at once never enter it.
create index recipient_queued on recipient (domain, account, next_attempt) where state = 'queued';

create table journal (
    seq integer primary key autoincrement,  -- never used twice, also after pruning
    at real not null,
    message text,                     -- null: rejected before it had an id
    event text not null               -- JSON, the whole event
) strict;

create index journal_message on journal (message) where message is not null;

create table shard (
    last_id text not null             -- greatest submission id ever pruned
) strict;

insert into shard values ('');
