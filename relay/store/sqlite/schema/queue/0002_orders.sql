-- What orders of an operator, priorities and own times of keeping need.

alter table message add column delay_at real;                        -- when its sender is told that it waits
alter table message add column return_host text not null default ''; -- domain of our own return path
alter table message add column trace integer not null default 0;     -- 1: its sender hears of each hand-over
-- Seconds after the message ended; null: with the message itself, or done already.
alter table message add column cut_after real;                       -- contents keep their header only
alter table message add column drop_after real;                      -- contents are forgotten

create index message_cut on message (ended + cut_after) where cut_after is not null;
create index message_drop on message (ended + drop_after) where drop_after is not null;

-- From here on `sandbox` may be 2: ended, no longer in any sandbox's or archive's care, and kept without contents for
-- what may still come to its return path.

-- From here on `account` of a recipient is whose turn it takes: the account, or `account/tenant`.
alter table recipient add column priority integer not null default 5; -- 0 to 9, the higher goes first
alter table recipient add column site text not null default '';       -- of the last attempt
alter table recipient add column told integer not null default 0;     -- 1: its sender knows that it waits
alter table recipient add column doomed text not null default '';     -- why an operator gives it back

drop index recipient_queued;

-- What waits, by lane and time. Recipients that are delivered at once never enter it.
create index recipient_queued on recipient (domain, account, priority, next_attempt) where state = 'queued';
