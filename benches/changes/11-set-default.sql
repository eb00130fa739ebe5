-- title: A mail starts with no attempts
-- owner: notification
-- why: The program shouldn't have to say it.
-- steady: No view shows deliveries.
-- gain: One column less in an insert.
-- loss: None.

set local role notification_owner;
alter table notification.deliveries alter column attempts set default 0;
reset role;
