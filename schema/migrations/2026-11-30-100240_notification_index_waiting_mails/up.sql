-- Senders go from one organisation that has mails waiting to the next, in turn.
create index deliveries_waiting_idx on notification.deliveries (organisation_id, next_attempt_at) where status = 'waiting';
