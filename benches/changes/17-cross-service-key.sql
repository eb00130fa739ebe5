-- title: A notification's login must exist
-- owner: notification
-- why: Rows of logins that are gone stay in the way.
-- steady: No view is concerned: the key points at Account's table, and Account has to allow that.
-- gain: No notification without its login.
-- loss: Account can no longer delete a login that was ever told something, and waits while the key is made.

set local role account_owner;
grant usage on schema account to notification_owner;
grant references (id) on account.logins to notification_owner;
reset role;

set local role notification_owner;
alter table notification.notifications add constraint notifications_login_id_fkey
    foreign key (login_id) references account.logins (id) not valid;
-- Not valid: rows of logins that are gone stay, new ones must hold.
create index notifications_login_id_fkey_idx on notification.notifications (login_id);
reset role;
