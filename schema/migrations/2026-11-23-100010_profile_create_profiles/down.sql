drop table profile.head_counts;
drop table profile.notification_settings;
drop table profile.profiles;
