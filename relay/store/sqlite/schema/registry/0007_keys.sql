-- Few keys sign all mail of their account, or wait for their record; both are asked for among all there are.
create index dkim_key_always on dkim_key (domain) where always = 1;
create index dkim_key_pending on dkim_key (domain) where state = 'pending';
