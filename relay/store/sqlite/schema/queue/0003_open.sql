-- What has not ended, in the order it came, and what has, in the order it did: two indexes that both grow at their
-- end. In one, by size, each message went to a place of its own among all that wait, and left it again.

drop index message_ended;

-- What is still open, at start and for orders of an operator.
create index message_open on message (sandbox, ended) where ended is null;

-- What has outlived its retention, and how much the sandbox holds.
create index message_ended on message (sandbox, ended, bytes) where ended is not null;
