-- What Notification shows the others. The second filters rows away, hence security_barrier.
create or replace view published.feed_cursors as
    select c.feed, c.xid, c.id
    from notification.feed_cursors c;
comment on view published.feed_cursors is 'How far each feed has been read by its readers: a service purges its changes only at or below this position. No row: not read yet.';

create or replace view published.accepted_invitations with (security_barrier) as
    select i.invitation_id
    from notification.invitations i
    where i.accepted_at is not null;
comment on view published.accepted_invitations is 'Invitations of Account that the owner of the address accepted, each once.';
