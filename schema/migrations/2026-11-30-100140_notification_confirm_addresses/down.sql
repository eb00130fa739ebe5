-- What was held back is given up, to be seen by operators, rather than sent to who never asked for it.
delete from notification.deliveries where confirms;
update notification.deliveries set status = 'failed', next_attempt_at = null, reason = 'held back: the address was not confirmed' where status = 'held';
drop index notification.deliveries_held_recipient_idx;
drop index notification.deliveries_held_idx;
alter table notification.deliveries
    drop constraint deliveries_next_attempt_at_check,
    add constraint deliveries_next_attempt_at_check check ((status = 'waiting') = (next_attempt_at is not null)),
    drop constraint deliveries_status_check,
    add constraint deliveries_status_check check (status in ('waiting', 'sent', 'failed')),
    drop column confirms,
    drop column address_id;
comment on column notification.deliveries.status is null;
comment on column notification.deliveries.next_attempt_at is 'Also the lease of the sender at work: when it dies, the mail is sent again from then on.';
drop table notification.counters;
drop table notification.confirmations;
drop table notification.addresses;
