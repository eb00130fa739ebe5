-- title: An organisation can be suspended, too
-- owner: billing
-- why: A dispute at law: neither overdue nor frozen.
-- steady: The view shows the same column; what may stand in it has grown, which no view can hide.
-- gain: Billing can say what is.
-- loss: Account and Registry meet a standing that they don't know, and must say what it means to them.
-- meaning: account, registry

set local role billing_owner;
alter table billing.standings drop constraint standings_standing_check;
alter table billing.standings add constraint standings_standing_check check (
    case standing
        when 'active' then overdue_since is null and first_failed_at is null and frozen_at is null
        when 'overdue' then overdue_since is not null and first_failed_at is not null and frozen_at is null
        when 'frozen' then overdue_since is not null and first_failed_at is not null and frozen_at is not null
        when 'suspended' then frozen_at is null
        else false
    end
);
reset role;
