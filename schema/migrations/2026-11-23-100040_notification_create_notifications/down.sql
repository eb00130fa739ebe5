drop table notification.places;
drop table notification.reminders;
drop table notification.rollups;
drop table notification.deliveries;
drop table notification.notifications;
drop table notification.feed_cursors;
