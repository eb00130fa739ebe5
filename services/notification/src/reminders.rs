//! Reminders of expiring passwords: 14, 7 and 1 days before, each once.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::{PgConnection, QueryResult, RunQueryDsl as _};
use uuid::Uuid;

/// So many days before.
const DAYS: [i32; 3] = [1, 7, 14];
const LOGINS_MAX: i64 = 500;

kit::statement! {
    /// Logins whose password expires between these times.
    struct FindExpiring(from: DateTime<Utc> as Timestamptz, until: DateTime<Utc> as Timestamptz, after: Uuid as Uuid, limit: i64 as BigInt)
        -> (Nullable<Uuid>, Uuid, Text, Timestamptz) =
        "select l.organisation_id, l.login_id, l.email, l.password_expires_at from published.login_contacts l \
         where l.password_expires_at > $1 and l.password_expires_at <= $2 and l.disabled_at is null and l.invitation_id is null and l.login_id > $3 \
         order by l.login_id limit $4"
}

kit::statement! {
    /// Reminders that were not made yet, with their notification and mail, all by the one row that can be inserted once.
    struct Remind<'a>(
        organisations: &'a [Uuid] as Array<Uuid>, logins: &'a [Uuid] as Array<Uuid>, expire: &'a [DateTime<Utc>] as Array<Timestamptz>,
        days: &'a [i32] as Array<Integer>, ids: &'a [Uuid] as Array<Uuid>, emails: &'a [String] as Array<Text>,
        titles: &'a [String] as Array<Text>, bodies: &'a [String] as Array<Text>, request_id: &'a str as Text,
        now: DateTime<Utc> as Timestamptz,
    ) =
        "with due as materialized ( \
             select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::int4[], $5::uuid[], $6::text[], $7::text[], $8::text[]) \
                 as d (organisation_id, login_id, expires_at, days, id, email, title, body) \
         ), made as ( \
             insert into notification.reminders (organisation_id, login_id, expires_at, days, created_at) \
             select d.organisation_id, d.login_id, d.expires_at, d.days, $10 from due d \
             on conflict do nothing returning organisation_id, login_id, expires_at, days \
         ), told as ( \
             insert into notification.notifications (organisation_id, id, login_id, kind, entity_id, request_id, title, body, at, \
                 created_at, pending, delivery_id) \
             select d.organisation_id, d.id, d.login_id, 'passwordExpires', d.login_id::text, $9, d.title, d.body, $10, $10, false, d.id \
             from made m join due d on d.login_id = m.login_id and d.expires_at = m.expires_at and d.days = m.days \
             returning id \
         ) \
         insert into notification.deliveries (organisation_id, id, login_id, recipient, subject, status, attempts, next_attempt_at, \
             version, created_at) \
         select d.organisation_id, d.id, d.login_id, d.email, d.title, 'held', 0, $10, 1, $10 from told t join due d on d.id = t.id"
}

/// The reminder that is due so long before: the nearest one, since those before it would only repeat it. None: too early.
fn due_days(left: TimeDelta) -> Option<i32> {
    DAYS.into_iter().find(|days| left <= TimeDelta::days(i64::from(*days)))
}

/// Makes the reminders due at `now`; how many.
pub fn run(connection: &mut PgConnection, now: DateTime<Utc>) -> QueryResult<usize> {
    let (mut after, mut made) = (Uuid::nil(), 0);
    let request_id = format!("password-reminders-{}", kit::id::uuid_v7(now));
    loop {
        let until = now + TimeDelta::days(14);
        let rows: Vec<(Option<Uuid>, Uuid, String, DateTime<Utc>)> =
            FindExpiring { from: now, until, after, limit: LOGINS_MAX }.load(connection)?;
        let Some(last) = rows.last() else {
            return Ok(made);
        };
        after = last.1;
        let days: Vec<_> = rows.iter().map(|row| due_days(row.3 - now).unwrap_or(14)).collect();
        let title = |days: &i32| match days {
            1 => "Your password expires within a day".to_owned(),
            days => format!("Your password expires within {days} days"),
        };
        let body = |expires_at: DateTime<Utc>| {
            format!("It expires on {}. Choose a new one before then.", expires_at.format("%-d %B %Y at %H:%M UTC"))
        };
        made += Remind {
            organisations: &rows.iter().map(|row| row.0.unwrap_or_default()).collect::<Vec<_>>(),
            logins: &rows.iter().map(|row| row.1).collect::<Vec<_>>(),
            expire: &rows.iter().map(|row| row.3).collect::<Vec<_>>(),
            ids: &rows.iter().map(|_| kit::id::uuid_v7(now)).collect::<Vec<_>>(),
            emails: &rows.iter().map(|row| row.2.clone()).collect::<Vec<_>>(),
            titles: &days.iter().map(title).collect::<Vec<_>>(),
            bodies: &rows.iter().map(|row| body(row.3)).collect::<Vec<_>>(),
            days: &days,
            request_id: &request_id,
            now,
        }
        .execute(connection)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_reminder_is_the_one_due() {
        let cases = [(15, None), (14, Some(14)), (8, Some(14)), (7, Some(7)), (2, Some(7)), (1, Some(1)), (0, Some(1))];
        for (left, expected) in cases {
            assert_eq!(due_days(TimeDelta::days(left)), expected, "{left} days left");
        }
    }
}
