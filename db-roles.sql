-- Who may do what in this database, and how much of it. This file is the state, not a script of changes: `dba apply` makes the
-- catalogue equal to it with the fewest grants and revokes, in one transaction. A line added is a right given; a line deleted is
-- a right taken away. Roles are never dropped by it.
--
-- It is plain SQL, run from top to bottom, and nothing reads it but Postgres. `-- == name ==` opens a section, because things have an
-- order: roles and schemas, then tables (migrations), then what owners and publishers need of one another, then keys across services and
-- views, then the services' rights. The sections "administrator" and "superuser" are run once by `dba bootstrap` as superuser, the others
-- by `dba apply` as govrnanza_admin. `create role` of a role that exists means `alter role`; `govrnanza` stands for the database
-- it is applied to. `set local role` chooses who grants: a right is always given by the owner of the thing.
--
-- A grant on a view in `published` lets one service read another: each such line ends in its reason. This is the coupling map.

-- == administrator ==

-- Runs `dba apply`. Owns the database, may become the owners and publishers below, is never a superuser.
create role govrnanza_admin login noinherit createrole connection limit 8;
alter role govrnanza_admin set search_path = '';

-- == roles ==

-- Owners and publishers can't log in. An owner owns its service's schema and tables; a publisher owns the views its service shows.
create role account_owner nologin noinherit;
create role profile_owner nologin noinherit;
create role registry_owner nologin noinherit;
create role billing_owner nologin noinherit;
create role notification_owner nologin noinherit;
create role account_publisher nologin noinherit;
create role profile_publisher nologin noinherit;
create role registry_publisher nologin noinherit;
create role billing_publisher nologin noinherit;
create role notification_publisher nologin noinherit;

-- The administrator may become each of them (`set role`); it inherits nothing.
grant account_owner to govrnanza_admin;
grant profile_owner to govrnanza_admin;
grant registry_owner to govrnanza_admin;
grant billing_owner to govrnanza_admin;
grant notification_owner to govrnanza_admin;
grant account_publisher to govrnanza_admin;
grant profile_publisher to govrnanza_admin;
grant registry_publisher to govrnanza_admin;
grant billing_publisher to govrnanza_admin;
grant notification_publisher to govrnanza_admin;

-- Logins inherit nothing and are members of nothing. Connection limits are enforced and sum up to 184 of 200, which leaves room for the
-- administrator's and the superuser's; the timeouts and the read-only default are only defaults: a role may change them for itself.
create role account_reader login noinherit connection limit 16;
alter role account_reader set search_path = '';
alter role account_reader set statement_timeout = '2s';
alter role account_reader set lock_timeout = '1s';
alter role account_reader set idle_in_transaction_session_timeout = '10s';
alter role account_reader set default_transaction_read_only = on;

create role account_writer login noinherit connection limit 16;
alter role account_writer set search_path = '';
alter role account_writer set statement_timeout = '5s';
alter role account_writer set lock_timeout = '1s';
alter role account_writer set idle_in_transaction_session_timeout = '10s';

create role profile_reader login noinherit connection limit 16;
alter role profile_reader set search_path = '';
alter role profile_reader set statement_timeout = '2s';
alter role profile_reader set lock_timeout = '1s';
alter role profile_reader set idle_in_transaction_session_timeout = '10s';
alter role profile_reader set default_transaction_read_only = on;

create role profile_writer login noinherit connection limit 16;
alter role profile_writer set search_path = '';
alter role profile_writer set statement_timeout = '5s';
alter role profile_writer set lock_timeout = '1s';
alter role profile_writer set idle_in_transaction_session_timeout = '10s';

create role registry_reader login noinherit connection limit 16;
alter role registry_reader set search_path = '';
alter role registry_reader set statement_timeout = '2s';
alter role registry_reader set lock_timeout = '1s';
alter role registry_reader set idle_in_transaction_session_timeout = '10s';
alter role registry_reader set default_transaction_read_only = on;

create role registry_writer login noinherit connection limit 16;
alter role registry_writer set search_path = '';
alter role registry_writer set statement_timeout = '5s';
alter role registry_writer set lock_timeout = '1s';
alter role registry_writer set idle_in_transaction_session_timeout = '10s';

create role billing_reader login noinherit connection limit 16;
alter role billing_reader set search_path = '';
alter role billing_reader set statement_timeout = '5s';
alter role billing_reader set lock_timeout = '1s';
alter role billing_reader set idle_in_transaction_session_timeout = '10s';
alter role billing_reader set default_transaction_read_only = on;

create role billing_writer login noinherit connection limit 16;
alter role billing_writer set search_path = '';
alter role billing_writer set statement_timeout = '30s';
alter role billing_writer set lock_timeout = '1s';
alter role billing_writer set idle_in_transaction_session_timeout = '10s';

create role notification_reader login noinherit connection limit 16;
alter role notification_reader set search_path = '';
alter role notification_reader set statement_timeout = '5s';
alter role notification_reader set lock_timeout = '1s';
alter role notification_reader set idle_in_transaction_session_timeout = '10s';
alter role notification_reader set default_transaction_read_only = on;

create role notification_writer login noinherit connection limit 28; -- an instance also has one that reads the feeds and MAIL_SENDERS that send
alter role notification_writer set search_path = '';
alter role notification_writer set statement_timeout = '10s';
alter role notification_writer set lock_timeout = '1s';
alter role notification_writer set idle_in_transaction_session_timeout = '10s';

-- Watches the server, sees nothing of the data. It inherits, for its one membership is what it is for (see "superuser").
create role lab_monitor login inherit connection limit 4;
alter role lab_monitor set search_path = '';

create schema if not exists account authorization account_owner;
create schema if not exists profile authorization profile_owner;
create schema if not exists registry authorization registry_owner;
create schema if not exists billing authorization billing_owner;
create schema if not exists notification authorization notification_owner;
create schema if not exists published authorization govrnanza_admin;
create schema if not exists dba authorization govrnanza_admin;

-- == superuser ==

-- The other databases of the server are no side doors.
revoke connect, temporary on database postgres from public;
revoke connect, temporary on database template1 from public;

-- Advisory locks know no privileges and share one table: whoever may take them can fill it for everybody.
revoke execute on function pg_catalog.pg_advisory_lock(bigint) from public;
revoke execute on function pg_catalog.pg_advisory_lock(integer, integer) from public;
revoke execute on function pg_catalog.pg_advisory_lock_shared(bigint) from public;
revoke execute on function pg_catalog.pg_advisory_lock_shared(integer, integer) from public;
revoke execute on function pg_catalog.pg_advisory_xact_lock(bigint) from public;
revoke execute on function pg_catalog.pg_advisory_xact_lock(integer, integer) from public;
revoke execute on function pg_catalog.pg_advisory_xact_lock_shared(bigint) from public;
revoke execute on function pg_catalog.pg_advisory_xact_lock_shared(integer, integer) from public;
revoke execute on function pg_catalog.pg_advisory_unlock(bigint) from public;
revoke execute on function pg_catalog.pg_advisory_unlock(integer, integer) from public;
revoke execute on function pg_catalog.pg_advisory_unlock_shared(bigint) from public;
revoke execute on function pg_catalog.pg_advisory_unlock_shared(integer, integer) from public;
revoke execute on function pg_catalog.pg_try_advisory_lock(bigint) from public;
revoke execute on function pg_catalog.pg_try_advisory_lock(integer, integer) from public;
revoke execute on function pg_catalog.pg_try_advisory_lock_shared(bigint) from public;
revoke execute on function pg_catalog.pg_try_advisory_lock_shared(integer, integer) from public;
revoke execute on function pg_catalog.pg_try_advisory_xact_lock(bigint) from public;
revoke execute on function pg_catalog.pg_try_advisory_xact_lock(integer, integer) from public;
revoke execute on function pg_catalog.pg_try_advisory_xact_lock_shared(bigint) from public;
revoke execute on function pg_catalog.pg_try_advisory_xact_lock_shared(integer, integer) from public;
revoke execute on function pg_catalog.pg_advisory_unlock_all() from public;
grant execute on function pg_catalog.pg_try_advisory_lock(bigint) to govrnanza_admin; -- one apply at a time
grant execute on function pg_catalog.pg_try_advisory_lock(integer, integer) to govrnanza_admin; -- one apply at a time
grant execute on function pg_catalog.pg_advisory_unlock(bigint) to govrnanza_admin; -- one apply at a time
grant execute on function pg_catalog.pg_advisory_unlock(integer, integer) to govrnanza_admin; -- one apply at a time
grant execute on function pg_catalog.pg_try_advisory_xact_lock(bigint) to govrnanza_admin; -- one apply at a time
grant execute on function pg_catalog.pg_try_advisory_xact_lock(integer, integer) to govrnanza_admin; -- one apply at a time
grant execute on function pg_catalog.pg_try_advisory_lock(bigint) to billing_writer; -- one billing run at a time
grant execute on function pg_catalog.pg_try_advisory_lock(integer, integer) to billing_writer; -- one billing run at a time
grant execute on function pg_catalog.pg_advisory_unlock(bigint) to billing_writer; -- one billing run at a time
grant execute on function pg_catalog.pg_advisory_unlock(integer, integer) to billing_writer; -- one billing run at a time
grant execute on function pg_catalog.pg_try_advisory_xact_lock(bigint) to billing_writer; -- one billing run at a time
grant execute on function pg_catalog.pg_try_advisory_xact_lock(integer, integer) to billing_writer; -- one billing run at a time
grant execute on function pg_catalog.pg_try_advisory_lock(bigint) to notification_writer; -- one reader of the feeds at a time
grant execute on function pg_catalog.pg_try_advisory_lock(integer, integer) to notification_writer; -- one reader of the feeds at a time
grant execute on function pg_catalog.pg_advisory_unlock(bigint) to notification_writer; -- one reader of the feeds at a time
grant execute on function pg_catalog.pg_advisory_unlock(integer, integer) to notification_writer; -- one reader of the feeds at a time
grant execute on function pg_catalog.pg_try_advisory_xact_lock(bigint) to notification_writer; -- one reader of the feeds at a time
grant execute on function pg_catalog.pg_try_advisory_xact_lock(integer, integer) to notification_writer; -- one reader of the feeds at a time

-- Large objects have no owner's schema and no quota; nobody here uses them.
revoke execute on function pg_catalog.lo_creat(integer) from public;
revoke execute on function pg_catalog.lo_create(oid) from public;
revoke execute on function pg_catalog.lo_from_bytea(oid, bytea) from public;
revoke execute on function pg_catalog.lo_get(oid) from public;
revoke execute on function pg_catalog.lo_get(oid, bigint, integer) from public;
revoke execute on function pg_catalog.lo_open(oid, integer) from public;
revoke execute on function pg_catalog.lo_close(integer) from public;
revoke execute on function pg_catalog.lo_lseek(integer, integer, integer) from public;
revoke execute on function pg_catalog.lo_lseek64(integer, bigint, integer) from public;
revoke execute on function pg_catalog.lo_put(oid, bigint, bytea) from public;
revoke execute on function pg_catalog.lo_tell(integer) from public;
revoke execute on function pg_catalog.lo_tell64(integer) from public;
revoke execute on function pg_catalog.lo_truncate(integer, integer) from public;
revoke execute on function pg_catalog.lo_truncate64(integer, bigint) from public;
revoke execute on function pg_catalog.lo_unlink(oid) from public;
revoke execute on function pg_catalog.loread(integer, integer) from public;
revoke execute on function pg_catalog.lowrite(integer, bytea) from public;

-- No anonymous code blocks, no functions.
revoke usage on language plpgsql from public;

-- `public` isn't used, and nothing shall be put there.
drop schema if exists public;

-- English messages: the services classify errors by their text. Temporary files are the one resource of a query that can be capped.
alter role account_reader set lc_messages = 'C';
alter role account_reader set temp_file_limit = '256MB';
alter role account_writer set lc_messages = 'C';
alter role account_writer set temp_file_limit = '256MB';
alter role profile_reader set lc_messages = 'C';
alter role profile_reader set temp_file_limit = '256MB';
alter role profile_writer set lc_messages = 'C';
alter role profile_writer set temp_file_limit = '256MB';
alter role registry_reader set lc_messages = 'C';
alter role registry_reader set temp_file_limit = '256MB';
alter role registry_writer set lc_messages = 'C';
alter role registry_writer set temp_file_limit = '256MB';
alter role billing_reader set lc_messages = 'C';
alter role billing_reader set temp_file_limit = '256MB';
alter role billing_writer set lc_messages = 'C';
alter role billing_writer set temp_file_limit = '256MB';
alter role notification_reader set lc_messages = 'C';
alter role notification_reader set temp_file_limit = '256MB';
alter role notification_writer set lc_messages = 'C';
alter role notification_writer set temp_file_limit = '256MB';
alter role lab_monitor set lc_messages = 'C';
alter role lab_monitor set temp_file_limit = '256MB';
alter role govrnanza_admin set lc_messages = 'C';

grant pg_monitor to lab_monitor;
create extension if not exists pg_stat_statements with schema dba;
revoke all on dba.pg_stat_statements from public;
revoke all on dba.pg_stat_statements_info from public;
revoke all on function dba.pg_stat_statements(boolean) from public;
revoke all on function dba.pg_stat_statements_info() from public;
grant select on dba.pg_stat_statements to lab_monitor;
grant select on dba.pg_stat_statements_info to lab_monitor;
grant execute on function dba.pg_stat_statements(boolean) to lab_monitor;
grant execute on function dba.pg_stat_statements_info() to lab_monitor;

-- == foundation ==

set local role govrnanza_admin;
revoke connect, temporary on database govrnanza from public;
grant create on database govrnanza to govrnanza_admin;
grant connect on database govrnanza to account_reader, account_writer;
grant connect on database govrnanza to profile_reader, profile_writer;
grant connect on database govrnanza to registry_reader, registry_writer;
grant connect on database govrnanza to billing_reader, billing_writer;
grant connect on database govrnanza to notification_reader, notification_writer;
grant connect on database govrnanza to lab_monitor;
grant usage on schema dba to lab_monitor;
reset role;

-- Whoever may create a function or a type would give it to everybody by default. Without `in schema`: that form can't take away.
set local role account_owner;
alter default privileges revoke execute on routines from public;
alter default privileges revoke usage on types from public;
set local role profile_owner;
alter default privileges revoke execute on routines from public;
alter default privileges revoke usage on types from public;
set local role registry_owner;
alter default privileges revoke execute on routines from public;
alter default privileges revoke usage on types from public;
set local role billing_owner;
alter default privileges revoke execute on routines from public;
alter default privileges revoke usage on types from public;
set local role notification_owner;
alter default privileges revoke execute on routines from public;
alter default privileges revoke usage on types from public;
set local role account_publisher;
alter default privileges revoke execute on routines from public;
alter default privileges revoke usage on types from public;
set local role profile_publisher;
alter default privileges revoke execute on routines from public;
alter default privileges revoke usage on types from public;
set local role registry_publisher;
alter default privileges revoke execute on routines from public;
alter default privileges revoke usage on types from public;
set local role billing_publisher;
alter default privileges revoke execute on routines from public;
alter default privileges revoke usage on types from public;
set local role notification_publisher;
alter default privileges revoke execute on routines from public;
alter default privileges revoke usage on types from public;
set local role govrnanza_admin;
alter default privileges revoke execute on routines from public;
alter default privileges revoke usage on types from public;
reset role;

-- Publishers put their views into `published`, and hold SELECT on exactly the columns that may ever leave their service: a view widened by
-- mistake can be created, but not read.
set local role govrnanza_admin;
grant usage, create on schema published to account_publisher;
grant usage, create on schema published to profile_publisher;
grant usage, create on schema published to registry_publisher;
grant usage, create on schema published to billing_publisher;
grant usage, create on schema published to notification_publisher;
reset role;
set local role account_owner;
grant usage on schema account to account_publisher;
grant select (id, name, plan_code, created_at) on account.organisations to account_publisher;
grant select (code, kind, currency, monthly_price_cents, api_limit, domain_limit, sub_domain_limit, user_limit, api_price_cents, domain_price_cents, sub_domain_price_cents, user_price_cents) on account.plans to account_publisher;
grant select (organisation_id, id, profile_id, email, scope, disabled_at, password_expires_at, invitation_id) on account.logins to account_publisher;
grant select (id, public_key, valid_from, valid_until) on account.signing_keys to account_publisher;
grant select (id, xid, at, kind, organisation_id, entity_id, version, actor_id, request_id, before, after) on account.changes to account_publisher;
reset role;
set local role profile_owner;
grant usage on schema profile to profile_publisher;
grant select (organisation_id, id, name, job_title, email, time_zone, deleted_at) on profile.profiles to profile_publisher;
grant select (organisation_id, profile_id, mode, at, weekday) on profile.notification_settings to profile_publisher;
grant select (organisation_id, users) on profile.head_counts to profile_publisher;
grant select (id, xid, at, kind, organisation_id, entity_id, version, actor_id, request_id, before, after) on profile.changes to profile_publisher;
reset role;
set local role registry_owner;
grant usage on schema registry to registry_publisher;
grant select (organisation_id, id, business_owner_id, technical_owner_id) on registry.apis to registry_publisher;
grant select (organisation_id, id, business_owner_id) on registry.domains to registry_publisher;
grant select (organisation_id, apis, domains, sub_domains) on registry.usage to registry_publisher;
grant select (organisation_id, kind, target_id, profile_id, created_at, ended_at, created_xid, ended_xid) on registry.watches to registry_publisher;
grant select (id, xid, at, kind, organisation_id, entity_id, version, actor_id, request_id, before, after) on registry.changes to registry_publisher;
reset role;
set local role billing_owner;
grant usage on schema billing to billing_publisher;
grant select (organisation_id, standing, overdue_since, frozen_at) on billing.standings to billing_publisher;
grant select (id, xid, at, kind, organisation_id, entity_id, version, actor_id, request_id, before, after) on billing.changes to billing_publisher;
reset role;
set local role notification_owner;
grant usage on schema notification to notification_publisher;
grant select (feed, xid, id) on notification.feed_cursors to notification_publisher;
grant select (invitation_id, accepted_at) on notification.invitations to notification_publisher;
reset role;

-- Foreign keys across services need the right to point at a column, and nothing else of the table.
set local role account_owner;
grant usage on schema account to profile_owner;
grant references (id) on account.organisations to profile_owner;
grant usage on schema account to registry_owner;
grant references (id) on account.organisations to registry_owner;
grant usage on schema account to billing_owner;
grant references (id) on account.organisations to billing_owner;
reset role;
set local role profile_owner;
grant usage on schema profile to account_owner;
grant references (organisation_id, id) on profile.profiles to account_owner;
grant usage on schema profile to registry_owner;
grant references (organisation_id, id) on profile.profiles to registry_owner;
grant usage on schema profile to notification_owner;
grant references (organisation_id, id) on profile.profiles to notification_owner;
reset role;

-- == services ==

-- Own tables: the reader reads, the writer also writes. Columns that never change (ids, owners, when and by whom) are in no UPDATE.

set local role account_owner;
grant usage on schema account to account_reader, account_writer;
grant select on account.plans to account_reader;
grant select, insert, update (name, kind, currency, monthly_price_cents, api_limit, domain_limit, sub_domain_limit, user_limit, api_price_cents, domain_price_cents, sub_domain_price_cents, user_price_cents, version, updated_at) on account.plans to account_writer;
grant select on account.organisations to account_reader;
grant select, insert, update (name, plan_code, version, updated_at) on account.organisations to account_writer;
grant select on account.logins to account_reader;
grant select, insert, update (email, password_hash, scope, profile_id, disabled_at, password_changed_at, password_expires_at, version, updated_at, invitation_id), delete on account.logins to account_writer;
grant select on account.sign_in_failures to account_reader;
grant select, insert, update (failures, window_ends_at), delete on account.sign_in_failures to account_writer;
grant select on account.signing_keys to account_reader;
grant select, insert, update (valid_until) on account.signing_keys to account_writer;
grant select on account.changes to account_reader;
grant select, insert, delete on account.changes to account_writer;
grant select on account.idempotency_keys to account_reader;
grant select, insert, update (fingerprint, status, location, etag, body, created_at), delete on account.idempotency_keys to account_writer;
reset role;

set local role profile_owner;
grant usage on schema profile to profile_reader, profile_writer;
grant select on profile.profiles to profile_reader;
grant select, insert, update (name, job_title, email, time_zone, deleted_at, version, updated_at) on profile.profiles to profile_writer;
grant select on profile.notification_settings to profile_reader;
grant select, insert, update (mode, at, weekday, version, updated_at), delete on profile.notification_settings to profile_writer;
grant select on profile.head_counts to profile_reader;
grant select, insert, update (users) on profile.head_counts to profile_writer;
grant select on profile.changes to profile_reader;
grant select, insert, delete on profile.changes to profile_writer;
grant select on profile.idempotency_keys to profile_reader;
grant select, insert, update (fingerprint, status, location, etag, body, created_at), delete on profile.idempotency_keys to profile_writer;
reset role;

set local role registry_owner;
grant usage on schema registry to registry_reader, registry_writer;
grant select on registry.domains to registry_reader;
grant select, insert, update (name, description, business_owner_id, version, updated_at), delete on registry.domains to registry_writer;
grant select on registry.sub_domains to registry_reader;
grant select, insert, update (domain_id, name, description, version, updated_at), delete on registry.sub_domains to registry_writer;
grant select on registry.apis to registry_reader;
grant select, insert, update (sub_domain_id, name, title, description, business_owner_id, technical_owner_id, version, updated_at), delete on registry.apis to registry_writer;
grant select on registry.versions to registry_reader;
grant select, insert, update (status, updated_at), delete on registry.versions to registry_writer;
grant select on registry.api_tags to registry_reader;
grant select, insert, delete on registry.api_tags to registry_writer;
grant select on registry.usage to registry_reader;
grant select, insert, update (apis, domains, sub_domains) on registry.usage to registry_writer;
grant select on registry.watches to registry_reader;
grant select, insert, update (ended_at, ended_xid), delete on registry.watches to registry_writer;
grant select on registry.changes to registry_reader;
grant select, insert, delete on registry.changes to registry_writer;
grant select on registry.idempotency_keys to registry_reader;
grant select, insert, update (fingerprint, status, location, etag, body, created_at), delete on registry.idempotency_keys to registry_writer;
reset role;

set local role billing_owner;
grant usage on schema billing to billing_reader, billing_writer;
grant select on billing.payment_methods to billing_reader;
grant select, insert, update (customer_id, token, brand, last_four, expiry_month, expiry_year, version, updated_at), delete on billing.payment_methods to billing_writer;
grant select on billing.standings to billing_reader;
grant select, insert, update (standing, overdue_since, first_failed_at, frozen_at, version, updated_at) on billing.standings to billing_writer;
grant select on billing.runs to billing_reader;
grant select, insert, update (status, organisations, invoices, amount_cents, snapshot_at, invoiced_up_to, finished_at, version, updated_at) on billing.runs to billing_writer;
grant select on billing.run_items to billing_reader;
grant select, insert on billing.run_items to billing_writer;
grant select on billing.invoices to billing_reader;
grant select, insert, update (status, first_failed_at, next_attempt_at, overdue_at, paid_at, version, updated_at) on billing.invoices to billing_writer;
grant select on billing.invoice_lines to billing_reader;
grant select, insert on billing.invoice_lines to billing_writer;
grant select on billing.payment_attempts to billing_reader;
grant select, insert, update (outcome, provider_payment_id, failure_code, asks, ask_at, finished_at) on billing.payment_attempts to billing_writer;
grant select on billing.leases to billing_reader;
grant select, insert, update (holder, expires_at) on billing.leases to billing_writer;
grant select on billing.changes to billing_reader;
grant select, insert, delete on billing.changes to billing_writer;
grant select on billing.idempotency_keys to billing_reader;
grant select, insert, update (fingerprint, status, location, etag, body, created_at), delete on billing.idempotency_keys to billing_writer;
reset role;

set local role notification_owner;
grant usage on schema notification to notification_reader, notification_writer;
grant select on notification.feed_cursors to notification_reader;
grant select, insert, update (xid, id, fan_out_id, fan_out_after, updated_at) on notification.feed_cursors to notification_writer;
grant select on notification.notifications to notification_reader;
grant select, insert, update (read_at, pending, delivery_id), delete on notification.notifications to notification_writer;
grant select on notification.deliveries to notification_reader;
grant select, insert, update (recipient, subject, status, attempts, next_attempt_at, reason, version, sent_at, sent_again_at, address_id), delete on notification.deliveries to notification_writer;
grant select on notification.addresses to notification_reader;
grant select, insert, update (asked_at, confirmed_at) on notification.addresses to notification_writer;
grant select on notification.confirmations to notification_reader;
grant select, insert, update (used_at), delete on notification.confirmations to notification_writer;
grant select on notification.invitations to notification_reader;
grant select, insert, update (accepted_at), delete on notification.invitations to notification_writer;
grant select on notification.counters to notification_reader;
grant select, insert, update (began_at, mails), delete on notification.counters to notification_writer;
grant select on notification.rollups to notification_reader;
grant select, insert, update (last_at), delete on notification.rollups to notification_writer;
grant select on notification.reminders to notification_reader;
grant select, insert, delete on notification.reminders to notification_writer;
grant select on notification.places to notification_reader;
grant select, insert, update (name, version), delete on notification.places to notification_writer;
reset role;

-- What one service reads of another.
set local role govrnanza_admin;
grant usage on schema published to account_reader, account_writer;
grant usage on schema published to profile_reader, profile_writer;
grant usage on schema published to registry_reader, registry_writer;
grant usage on schema published to billing_reader, billing_writer;
grant usage on schema published to notification_reader, notification_writer;
reset role;

set local role account_publisher;
grant select on published.organisations to profile_reader, profile_writer; -- a person belongs to an organisation that exists
grant select on published.organisations to registry_reader, registry_writer; -- a domain belongs to an organisation that exists
grant select on published.organisations to billing_reader, billing_writer; -- whom to charge, and on which plan
grant select on published.organisations to notification_reader, notification_writer; -- whose mail it is
grant select on published.plans to profile_reader, profile_writer; -- how many users the plan allows
grant select on published.plans to registry_reader, registry_writer; -- how many APIs, domains and sub domains the plan allows
grant select on published.plans to billing_reader, billing_writer; -- what the plan costs
grant select on published.login_contacts to notification_reader, notification_writer; -- billing kinds go to the admins, password kinds to the login
grant select on published.login_contacts to registry_reader, registry_writer; -- watches end with their person's last login
grant select on published.signing_keys to account_reader, account_writer; -- the shared token check reads keys here in every service
grant select on published.signing_keys to profile_reader, profile_writer; -- tokens are checked without asking Account
grant select on published.signing_keys to registry_reader, registry_writer; -- tokens are checked without asking Account
grant select on published.signing_keys to billing_reader, billing_writer; -- tokens are checked without asking Account
grant select on published.signing_keys to notification_reader, notification_writer; -- tokens are checked without asking Account
grant select on published.account_changes to registry_reader, registry_writer; -- logins that were deleted
grant select on published.account_changes to billing_reader, billing_writer; -- plan and prices as they were when a month ended
grant select on published.account_changes to notification_reader, notification_writer; -- account settings, logins and passwords that changed
reset role;

set local role profile_publisher;
grant select on published.persons to account_reader, account_writer; -- a login is linked to a person who is there
grant select on published.persons to registry_reader, registry_writer; -- an API shows its owners by name and title
grant select on published.persons to notification_reader, notification_writer; -- mails name people
grant select on published.contacts to notification_reader, notification_writer; -- where and when a person wants to be told
grant select on published.head_counts to account_reader, account_writer; -- a downgrade below the users there are is refused
grant select on published.head_counts to billing_reader, billing_writer; -- pay as you go: users
grant select on published.profile_changes to notification_reader, notification_writer; -- profiles changed by somebody else
reset role;

set local role registry_publisher;
grant select on published.usage to account_reader, account_writer; -- a downgrade below what is registered is refused
grant select on published.usage to billing_reader, billing_writer; -- pay as you go: APIs, domains and sub domains
grant select on published.responsibilities to profile_reader, profile_writer; -- who owns APIs or domains may not be deleted
grant select on published.watchers to notification_reader, notification_writer; -- who wants to be told of it
grant select on published.registry_changes to notification_reader, notification_writer; -- APIs, domains and sub domains that changed
reset role;

set local role billing_publisher;
grant select on published.standings to account_reader, account_writer; -- an organisation shows its standing
grant select on published.standings to registry_reader, registry_writer; -- a frozen organisation is refused
grant select on published.billing_changes to notification_reader, notification_writer; -- payments, invoices and freezing
reset role;

set local role notification_publisher;
grant select on published.accepted_invitations to account_reader, account_writer; -- a login is accepted by the owner of its address
grant select on published.feed_cursors to account_reader, account_writer; -- changes are purged once every reader has them
grant select on published.feed_cursors to profile_reader, profile_writer; -- changes are purged once every reader has them
grant select on published.feed_cursors to registry_reader, registry_writer; -- changes are purged once every reader has them
grant select on published.feed_cursors to billing_reader, billing_writer; -- changes are purged once every reader has them
reset role;
