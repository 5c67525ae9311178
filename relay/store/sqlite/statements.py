"""The SQL of a shard, each statement with a name and a sentence.

A content's and a recipient's key is `message.key << 24 | number`; all of a message's lie between
`key << 24` and `key << 24 | 0xffffff`. The partial index of what waits is used only by statements that
say `state = 'queued'` in so many words.
"""

from __future__ import annotations

from typing import Final

SHIFT: Final = 24  # bits of a number inside a message
NUMBERS: Final = (1 << SHIFT) - 1

# --- taking a message ---------------------------------------------------------------------------------

# add_message: the row all its recipients share.
ADD_MESSAGE: Final = """
insert into message (key, id, account, credential, reverse_path, envid, ret, body, smtputf8, received,
                     deadline, delay_at, size, resolved, origin, sandbox, return_host, trace, links, author, peer,
                     bytes, open, ended, cut_after, drop_after)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

# add_content: its octets, or null when they lie in a file.
ADD_CONTENT: Final = "insert into content (key, octets) values (?, ?)"

# add_recipient: new ones may be in flight already; those never touch the index of what waits.
ADD_RECIPIENT: Final = """
insert into recipient (key, account, domain, address, notify, original, content, state, attempts,
                       next_attempt, reply, ended, priority)
values (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, '', ?, ?)
"""

# set_of, add_set, add_tracked: where the links of a content lead, a list that many contents share.
SET_OF: Final = "select key from target_set where digest = ?"
ADD_SET: Final = "insert into target_set (digest, targets) values (?, ?)"
ADD_TRACKED: Final = "insert into tracked (key, target_set) values (?, ?)"

# add_event: one row of the journal; its seq is the next free one.
ADD_EVENT: Final = "insert into journal (at, message, event) values (?, ?, ?)"

# --- handing out and taking back ----------------------------------------------------------------------

# claim: put the earliest due recipients of a lane in flight.
CLAIM: Final = """
update recipient set state = 'flight'
 where key in (select key from recipient
                where state = 'queued' and domain = ? and account = ? and priority = ? and next_attempt <= ?
                order by next_attempt limit ?)
returning key, address, notify, original, content, attempts, next_attempt, told, doomed
"""

# next_due: when a lane has work again.
NEXT_DUE: Final = """
select next_attempt from recipient
 where state = 'queued' and domain = ? and account = ? and priority = ? order by next_attempt limit 1
"""

# lanes: everything that waits, by lane.
LANES: Final = """
select domain, account, priority, min(next_attempt), count(*) from recipient
 where state = 'queued' group by domain, account, priority
"""

# settle: what became of a recipient; only one in flight can be settled. An attempt that came to no site leaves
# the last one named, and who was told stays told.
SETTLE: Final = """
update recipient set state = ?, attempts = ?, next_attempt = ?, reply = ?, ended = ?,
                     site = ifnull(?, site), told = told or ?
 where key = ? and state = 'flight'
"""

# settle_many: the same for many at once, by submission id and number.
SETTLE_MANY: Final = """
update recipient
   set state = new.column1, attempts = new.column2, next_attempt = new.column3, reply = new.column4,
       ended = new.column5, site = ifnull(new.column6, site), told = told or new.column7
  from (values (?, ?, ?, ?, ?, ?, ?, ?, ?)) as new
 where recipient.key = (select message.key from message where message.id = new.column8) << 24 | new.column9
   and recipient.state = 'flight'
"""

# close_recipients: so many recipients of a message became final; with the last one the message ended.
CLOSE_RECIPIENTS: Final = """
update message set open = open - ?1, ended = iif(open = ?1, ?2, null) where key = ?3
"""

# close_many: the same for many messages, by submission id.
CLOSE_MANY: Final = """
update message set open = open - new.column1, ended = iif(open = new.column1, new.column2, null)
  from (values (?, ?, ?)) as new where message.id = new.column3
"""

# release: back into the queue, as if never claimed.
RELEASE: Final = """
update recipient set state = 'queued', next_attempt = ?
 where key = (select key << 24 | ? from message where id = ?) and state = 'flight'
"""

# requeue: at start, whatever a former owner had in flight is due now.
REQUEUE: Final = """
update recipient set state = 'queued', next_attempt = ?
 where key in (
       select recipient.key from message indexed by message_open cross join recipient
        where message.sandbox in (0, 1) and message.ended is null
          and recipient.key between message.key << 24 and message.key << 24 | 16777215
          and recipient.state = 'flight')
"""

# --- looking up ---------------------------------------------------------------------------------------

# key_of: the key behind a submission id.
KEY_OF: Final = "select key from message where id = ?"

# message: the columns of one message, by key.
MESSAGE: Final = """
select id, account, credential, reverse_path, envid, ret, body, smtputf8, received, deadline, delay_at, size,
       resolved, origin, sandbox, return_host, trace, links, author, peer
  from message where key = ?
"""

# envelope: the recipients of a message as its envelope named them, in order.
ENVELOPE: Final = """
select address, notify, original from recipient where key between ? and ? order by key
"""

# recipients: what became of each recipient of a message so far.
RECIPIENTS: Final = """
select key, address, state, attempts, next_attempt, reply, ended, content, site
  from recipient where key between ? and ? order by key
"""

# tracked: a recipient of a message by the submission's id and its number, with what its links need.
TRACKED: Final = """
select message.account, credential, reverse_path, author, received, resolved, sandbox, return_host, links,
       address, content, state, recipient.ended,
       (select targets from tracked join target_set on target_set.key = tracked.target_set
         where tracked.key = message.key << 24 | content)
  from message join recipient on recipient.key = message.key << 24 | ?2
 where message.id = ?1
"""

# content: the octets, or null for a file; no row: pruned, or never there.
CONTENT: Final = "select octets from content where key = ?"

# content_files: which of the contents lie in files.
CONTENT_FILES: Final = "select key from content where octets is null and key = ?"

# greatest: the newest message and key, for the next ones.
GREATEST: Final = """
select max((select last_id from shard), ifnull((select max(id) from message), '')),
       ifnull((select max(key) from message), 0)
"""

# journal: what happened after a row, in order.
JOURNAL: Final = "select seq, event from journal where seq > ? order by seq limit ?"

# history: all that happened to one message, in order.
HISTORY: Final = "select seq, event from journal where message = ? order by seq"

# counts: recipients by state.
COUNTS: Final = "select state, count(*) from recipient group by state"

# --- choosing -----------------------------------------------------------------------------------------

# What a selection asks of a recipient, and of its message where it asks anything of that (:whole is 0 then).
_FITS: Final = """
       state in (select value from json_each(:states))
   and (:domain = '' or domain = :domain) and (:site = '' or site = :site)
   and (:address = '' or folded(address) = :address)
   and (:whole or exists (
       select 1 from message
        where message.key = recipient.key >> 24
          and (:account = '' or message.account = :account)
          and (:credential = '' or folded(message.credential) = :credential)
          and (:before is null or received < :before) and (:since is null or received >= :since)
          and (:campaign = '' or resolved ->> '$.options.campaign' = :campaign)
          and (:send_cancel_id = '' or resolved ->> '$.options.send_cancel_id' = :send_cancel_id)
          and (:tag = '' or exists (select 1 from json_each(resolved, '$.options.tags') where value = :tag))))
"""
_STATE: Final = """
select recipient.key, address, state, attempts, next_attempt, reply, recipient.ended, content, site
"""

# list_queued: what waits, the next one first.
LIST_QUEUED: Final = f"""
{_STATE} from recipient where state = 'queued' and {_FITS}
 order by next_attempt, key limit :limit
"""

# list_open: recipients of messages that have not ended.
LIST_OPEN: Final = f"""
{_STATE} from message as waiting indexed by message_open cross join recipient
 where waiting.sandbox in (0, 1) and waiting.ended is null
   and recipient.key between waiting.key << 24 and waiting.key << 24 | 16777215 and {_FITS}
 order by next_attempt nulls last, recipient.key limit :limit
"""

# backlog: by domain what has not ended, the most first.
BACKLOG: Final = f"""
select recipient.domain, sum(state = 'queued'), sum(state = 'flight'), sum(state = 'held'),
       min(case when state = 'queued' then next_attempt end)
  from message as waiting indexed by message_open cross join recipient
 where waiting.sandbox in (0, 1) and waiting.ended is null
   and recipient.key between waiting.key << 24 and waiting.key << 24 | 16777215 and {_FITS}
 group by recipient.domain order by count(*) desc, recipient.domain limit :limit
"""  # noqa: S608 - made of constants

# list_any: ended ones too: the whole table is read.
LIST_ANY: Final = f"""
{_STATE} from recipient where {_FITS}
 order by next_attempt nulls last, key desc limit :limit
"""

# list_span: of one message, or of one recipient.
LIST_SPAN: Final = f"""
{_STATE} from recipient where key between :low and :high and {_FITS}
 order by next_attempt nulls last, key limit :limit
"""

# --- orders of an operator ----------------------------------------------------------------------------

# open: messages that have not ended, in the order they came, from where one stopped.
OPEN: Final = """
select key, open from message indexed by message_open
 where sandbox = ? and ended is null and key > ? order by key limit ?
"""

# renew: what an operator held did not use up the time it may be tried, unless it has to arrive by a given moment. It
# gets no more of it than it had.
RENEW: Final = """
update message
   set deadline = max(deadline, ? + min(ifnull(resolved ->> '$.options.deliver_within', ?), deadline - received))
 where key = ? and resolved ->> '$.options.deliver_by' is null
"""

# choose, choose_span: keys of the recipients that fit, of some messages or between two keys.
CHOOSE: Final = f"""
select recipient.key from json_each(:messages) as slice cross join recipient
 where recipient.key between slice.value << 24 and slice.value << 24 | 16777215 and {_FITS}
"""  # noqa: S608
CHOOSE_SPAN: Final = f"""
select recipient.key from recipient where recipient.key between :low and :high and {_FITS} order by key
"""  # noqa: S608

# standing: what an order has to know of a recipient.
STANDING: Final = """
select state, next_attempt, doomed, domain, account, priority, address from recipient where key = ?
"""

# whose: what the events of an order say of a message.
WHOSE: Final = "select id, account, credential, resolved, sandbox, origin from message where key = ?"

# move: another state or time; the attempts so far and their last reply stay.
MOVE: Final = "update recipient set state = ?, next_attempt = ?, doomed = ?, ended = ? where key = ?"

# lane: what waits in one lane.
LANE: Final = """
select min(next_attempt), count(*) from recipient
 where state = 'queued' and domain = ? and account = ? and priority = ?
"""

# --- snapshots ----------------------------------------------------------------------------------------

# in_files: contents that lie in files, in pieces.
IN_FILES: Final = "select key from content where octets is null and key > ? order by key limit ?"

# unfinished, land: recipients that wait for a content, and out of flight with them.
UNFINISHED: Final = """
select key from recipient
 where key between ? and ? and content = ? and state in ('queued', 'flight', 'held')
"""
LAND: Final = "update recipient set state = 'queued' where key = ? and state = 'flight'"

# waiting: some of what is queued.
WAITING: Final = "select key from recipient where state = 'queued' limit ?"

# latest: the time of the newest event.
LATEST: Final = "select at from journal order by seq desc limit 1"

# --- forgetting a person ------------------------------------------------------------------------------

# recipients_end, messages_end, journal_end: where the next piece of a table ends; null: there is no more.
RECIPIENTS_END: Final = "select max(key) from (select key from recipient where key > ? order by key limit ?)"
MESSAGES_END: Final = "select max(key) from (select key from message where key > ? order by key limit ?)"
JOURNAL_END: Final = "select max(seq) from (select seq from journal where seq > ? order by seq limit ?)"

# theirs: recipients of an address.
THEIRS: Final = "select key from recipient where key > ? and key <= ? and folded(address) = ?"

# naming_messages, naming_events: messages from an address, or with that text in their options; events with it.
NAMING_MESSAGES: Final = """
select key from message where key > ? and key <= ?
   and (folded(reverse_path) = ? or (resolved is not null and instr(folded(resolved), ?)))
"""
NAMING_EVENTS: Final = "select seq from journal where seq > ? and seq <= ? and instr(folded(event), ?)"

# named, rename: what of a message can name a person.
NAMED: Final = "select reverse_path, resolved, ended, open from message where key = ?"
RENAME: Final = "update message set reverse_path = ?, resolved = ? where key = ?"

# replied, efface: a recipient without its address.
REPLIED: Final = "select state, content, reply from recipient where key = ?"
EFFACE: Final = """
update recipient set address = ?, domain = ?, original = null, reply = ?, site = '', state = ?, next_attempt = null,
                     doomed = '', ended = ifnull(ended, ?)
 where key = ?
"""

# forget_tracked, forget_set: what names the sets of contents between two keys; a set that nothing names any more.
FORGET_TRACKED: Final = "delete from tracked where key between ? and ? returning target_set"
FORGET_SET: Final = """
delete from target_set where key = ?1 and not exists (select 1 from tracked where target_set = ?1) returning digest
"""

# sharing: whether others of a message got the same content.
SHARING: Final = "select 1 from recipient where key between ? and ? and content = ? and address <> ? limit 1"

# told_elsewhere, drop_soon: mail that tells of a message: reports, and what came back and was passed on. Its contents
# go as soon as it has ended.
TOLD_ELSEWHERE: Final = """
select event ->> 'report', ifnull(event ->> 'forwarded', event ->> 'kept') from journal
 where message = ? and
       (event ->> 'report' is not null or event ->> 'forwarded' is not null or event ->> 'kept' is not null)
"""
DROP_SOON: Final = "update message set drop_after = 0 where id = ?"

# event_at, rewrite: a journal row told anew.
EVENT_AT: Final = "select event from journal where seq = ?"
REWRITE: Final = "update journal set event = ? where seq = ?"

# --- forgetting ---------------------------------------------------------------------------------------

# overdue: ended messages past their time, oldest first, unless the reporter has yet to read of them.
OVERDUE: Final = """
select key, id, bytes, sandbox = 0 and (return_host <> '' or links), links from message
 where sandbox = :sandbox and ended < :before
   and not exists (select 1 from journal where journal.message = message.id and journal.seq > :cursor)
 order by ended limit :limit
"""

# sandbox_bytes: octets of all messages the sandbox has captured.
SANDBOX_BYTES: Final = "select ifnull(sum(bytes), 0) from message where sandbox = 1 and ended is not null"

# to_drop, to_cut: ended messages whose contents are to go, or to be cut to their header.
TO_DROP: Final = "select key, id from message where drop_after is not null and ended + drop_after <= ? limit ?"
TO_CUT: Final = "select key, id from message where cut_after is not null and ended + cut_after <= ? limit ?"

# still_open: whether a message has yet to end.
STILL_OPEN: Final = "select ended is null from message where key = ?"

# contents: all of a message.
CONTENTS: Final = "select key, octets from content where key between ? and ?"

# dropped, cut: that is done, and so many octets are left.
DROPPED: Final = (
    "update message set cut_after = null, drop_after = null, bytes = 0 where key = ? and ended is not null"
)
CUT: Final = "update message set cut_after = null, bytes = ? where key = ? and ended is not null"
CUT_CONTENT: Final = "update content set octets = ? where key = ?"

# forget_content, emptied: one content, and the message that has none left.
FORGET_CONTENT: Final = "delete from content where key = ? returning octets is null"
EMPTIED: Final = """
update message set bytes = 0
 where key = ?1 and not exists (select 1 from content where key between ?1 << 24 and ?1 << 24 | 16777215)
"""

# linger: an ended message without its contents, which stays for what may still come to its return path, for its
# links, or for both.
LINGERING: Final = 2  # in the column `sandbox`
LINKED: Final = 3
LINKED_LINGERING: Final = 4
LINGER: Final = """
update message set sandbox = iif(links, iif(return_host <> '', 4, 3), 2), cut_after = null, drop_after = null,
                   bytes = 0
 where key = ? and ended is not null
"""

# forget_message, forget_recipients, forget_contents: all rows of a message; files are told by their keys.
FORGET_MESSAGE: Final = "delete from message where key = ? and ended is not null"
FORGET_RECIPIENTS: Final = "delete from recipient where key between ? and ?"
FORGET_CONTENTS: Final = "delete from content where key between ? and ? returning key, octets is null"

# remember_id: the greatest id forgotten, so that none is made a second time.
REMEMBER_ID: Final = "update shard set last_id = max(last_id, ?)"

# folded: the newest row that is old enough, among the oldest rows the reporter has read.
FOLDED: Final = """
select max(seq) from (select seq, at from journal where seq <= ? order by seq limit ?) where at < ?
"""

# trim_journal: drop the journal's beginning.
TRIM_JOURNAL: Final = "delete from journal where seq <= ?"
