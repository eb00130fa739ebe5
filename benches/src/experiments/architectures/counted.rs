//! Figures that are counted once: while each service was stopped. And those that aren't measured.

use super::Plan;
use super::figures::{ArmFigure, Figure};
use super::measured::MeasuredArm;
use crate::experiments::wrong_answers::Row;
use crate::result::text::capital;
use crate::system::services;

/// All of them.
pub(super) fn figures(arms: &[MeasuredArm<'_>], plan: &Plan) -> Vec<Figure> {
    let mut all = stops(arms);
    all.extend(wrong_answers(arms));
    let was_run = |id: &str| id == "delay" && !plan.delays_ms.is_empty() || id == "mix" && !plan.mixes.is_empty();
    all.extend(NOT_RUN.into_iter().filter(|(id, ..)| !was_run(id)).map(|(id, title, why)| Figure {
        id: id.into(),
        title: title.into(),
        unit: String::new(),
        decides: false,
        more_is_better: false,
        not_run: Some(why.into()),
        arms: Vec::new(),
        pairs: Vec::new(),
    }));
    all
}

/// What a whole comparison has and this run doesn't.
const NOT_RUN: [(&str, &str, &str); 5] = [
    ("delay", "the same with 0.5 and 2 ms between processes", "takes ten minutes more: --delay 0,0.5,2"),
    ("mix", "the same with other shares of writes", "takes a quarter of an hour more: --mixes 99:1,90:10,50:50"),
    ("engines", "the same with a database server for each service", "all databases are on one server"),
    ("rebuild", "time to rebuild copies from the log", "see `lab log replay`"),
    ("change", "what a change of the schema takes", "see `lab changes`: two of three are estimates"),
];

/// Good answers of the others while a service was stopped: one stop each, so nothing is compared beyond their number.
fn stops(arms: &[MeasuredArm<'_>]) -> Vec<Figure> {
    let of = |stopped: &'static str| {
        let arms = arms.iter().map(|arm| {
            let row = arm.stops.iter().find(|row| row.broken == stopped);
            let others = row.into_iter().flat_map(|row| row.services.iter().filter(|(name, _)| *name != stopped));
            let (good, all) = others.fold((0, 0), |(good, all), (_, of)| (good + of.good, all + of.all));
            let value = (all > 0).then(|| 100.0 * good as f64 / all as f64);
            ArmFigure { architecture: arm.name.to_owned(), value, interval: None, n: all }
        });
        Figure {
            id: format!("good-without-{stopped}"),
            title: format!("good answers of the other four while {} is stopped", capital(stopped)),
            unit: "%".into(),
            decides: false,
            more_is_better: true,
            not_run: arms.clone().all(|arm| arm.value.is_none()).then(|| NO_STOPS.to_owned()),
            arms: arms.collect(),
            pairs: Vec::new(),
        }
    };
    services::names().map(of).collect()
}

const NO_STOPS: &str = "no service was stopped in this run";

/// Of one row: how often something was wrong, of how many.
type Counted = fn(&Row) -> (u64, u64);

/// What the unit of a count begins with: so many in so many freezes.
pub(super) const IN: &str = "in";

/// What was answered wrongly while services were stopped: counts.
fn wrong_answers(arms: &[MeasuredArm<'_>]) -> Vec<Figure> {
    let counts: [(&str, &str, &str, Counted); 6] = [
        ("wrong-freeze", "answers of Registry to an organisation that was frozen before", "freezes", |row| {
            (row.frozen.wrong, row.frozen.caused)
        }),
        ("wrong-plan", "domains made above a plan that was chosen before", "downgrades", |row| {
            (row.above_plan.wrong, row.above_plan.caused)
        }),
        ("wrong-owner", "APIs made for a person who was deleted before", "deletions", |row| {
            (row.gone.wrong, row.gone.caused)
        }),
        ("wrong-told", "changes that somebody was not told of, or told twice", "mails", |row| {
            (row.told_wrongly.unsigned_abs(), row.mails)
        }),
        ("wrong-mails", "mails lost or sent twice", "mails", |row| (row.mails_lost + row.mails_twice, row.mails)),
        ("wrong-charges", "wrong charges", "charges", |row| (row.wrong_charges, row.charges)),
    ];
    counts
        .into_iter()
        .map(|(id, title, occasions, count)| {
            let arms = arms.iter().map(|arm| {
                let (value, n) = arm.wrong.map(count).map_or((None, 0), |(wrong, of)| (Some(wrong as f64), of));
                ArmFigure { architecture: arm.name.to_owned(), value, interval: None, n }
            });
            Figure {
                id: id.into(),
                title: title.into(),
                unit: format!("{IN} {occasions}"),
                decides: false,
                more_is_better: false,
                not_run: arms.clone().all(|arm| arm.value.is_none()).then(|| NO_STOPS.to_owned()),
                arms: arms.collect(),
                pairs: Vec::new(),
            }
        })
        .collect()
}
