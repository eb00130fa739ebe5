alter table notification.deliveries add column sent_again_at timestamptz;
comment on column notification.deliveries.sent_again_at is 'When an operator last had it sent again after it was given up: from then on it is tried as long as a new one.';
