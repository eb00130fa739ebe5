alter table notification.deliveries drop column sent_again_at;
