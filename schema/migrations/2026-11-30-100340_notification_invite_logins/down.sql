delete from notification.deliveries where invitation_id is not null;
delete from notification.confirmations where invitation_id is not null;
drop index notification.confirmations_accepted_address_idx;
drop index notification.confirmations_accepted_key;
drop index notification.deliveries_invitation_id_key;
alter table notification.confirmations drop column invitation_id;
alter table notification.deliveries drop column invitation_id;
comment on column notification.deliveries.confirms is 'The mail with the link. It has no notifications.';
