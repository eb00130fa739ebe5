delete from notification.deliveries d using notification.invitations i where d.id = i.invitation_id;
delete from notification.confirmations where invitation_id is not null;
alter table notification.confirmations drop column invitation_id;
drop table notification.invitations;
comment on column notification.deliveries.confirms is 'The mail with the link. It has no notifications.';
