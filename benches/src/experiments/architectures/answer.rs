//! Which one? The answer in sentences, each of figures that stand in the outcome.

use super::counted::IN;
use super::figures::{Figure, Pair};
use super::text::{number, title};
use crate::result::text::interval;

/// What is said of one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which.
    pub architecture: String,
    /// Why one would choose it.
    pub choose: Vec<String>,
    /// What it costs.
    pub price: Vec<String>,
}

/// One for each architecture, in the order of the columns.
#[must_use]
pub fn answers(figures: &[Figure]) -> Vec<Answer> {
    let names = figures.iter().find(|of| !of.arms.is_empty());
    let names = names.into_iter().flat_map(|of| of.arms.iter().map(|arm| arm.architecture.clone()));
    names
        .map(|architecture| {
            let of = |side: Side| -> Vec<String> {
                let those = figures.iter().filter(|figure| figure.decides && side(figure) == Some(&architecture));
                those.map(|figure| against(figure, &architecture) + &turns(figures, figure, side)).collect()
            };
            let (mut choose, mut price) = (of(Figure::best), of(Figure::worst));
            choose.extend(steady(figures, &architecture, true));
            price.extend(steady(figures, &architecture, false));
            price.extend(wrong(figures, &architecture));
            Answer { architecture, choose, price }
        })
        .collect()
}

/// `median response time of all requests: 1.20 ms; API-centric ×1.80 (1.60–2.00), self-contained ×1.02 (…)`: each of the others by this one.
fn against(figure: &Figure, architecture: &str) -> String {
    let value = figure.arms.iter().find(|arm| arm.architecture == architecture).and_then(|arm| arm.value);
    let value = value.map_or_else(String::new, |value| format!("{} {}", number(value), figure.unit));
    let others = figure.arms.iter().filter(|arm| arm.architecture != architecture);
    let others: Vec<String> = others
        .filter_map(|other| figure.pair(&other.architecture, architecture))
        .filter_map(|Pair { of, estimate, .. }| Some(format!("{} {}", title(&of), interval(estimate?))))
        .collect();
    format!("{}: **{}**; {}", figure.title, value.trim(), others.join(", "))
}

/// Which architecture is best, or worst, in a figure.
type Side = fn(&Figure) -> Option<&str>;

/// Whether that holds under the other circumstances that were measured, too: from which delay on it doesn't, with which mixes.
fn turns(figures: &[Figure], figure: &Figure, side: Side) -> String {
    let varied = |kind: &str| -> Vec<(String, &Figure)> {
        let start = format!("{}-{kind}-", figure.id);
        figures.iter().filter_map(|one| Some((one.id.strip_prefix(&start)?.to_owned(), one))).collect()
    };
    let instead = |one: &Figure| match side(one) {
        Some(other) => format!("it is {}", title(other)),
        None if one.pairs.iter().all(|pair| pair.estimate.is_none()) => "too few blocks count to tell".into(),
        None => "it is no longer beyond noise".into(),
    };
    let turned = |all: &[(String, &Figure)]| {
        let found = all.iter().find(|(_, one)| side(one) != side(figure));
        found.map(|(of, one)| (of.clone(), instead(one)))
    };
    let mut all = String::new();
    let delays = varied("delay");
    match (turned(&delays), delays.last()) {
        (Some((ms, instead)), _) => all += &format!("; with {ms} ms between processes {instead}"),
        (None, Some((ms, _))) => all += &format!("; no turn up to {ms} ms between processes"),
        (None, None) => {}
    }
    let mixes = varied("mix");
    match turned(&mixes) {
        Some((mix, instead)) => all += &format!("; with {mix} reads to writes {instead}"),
        None if mixes.is_empty() => {}
        None => {
            let names: Vec<&str> = mixes.iter().map(|(mix, _)| mix.as_str()).collect();
            all += &format!("; no turn with {} reads to writes", names.join(", "));
        }
    }
    all
}

/// Good answers of the others while a service is stopped below which it is a price, per cent.
const STEADY: f64 = 99.0;

/// What the others answer while each service is stopped, as a reason or as a price.
fn steady(figures: &[Figure], architecture: &str, good: bool) -> Option<String> {
    let of = figures.iter().filter(|figure| figure.id.starts_with("good-without-"));
    let shares = of.filter_map(|figure| figure.arms.iter().find(|arm| arm.architecture == architecture)?.value);
    let least = shares.min_by(f64::total_cmp)?;
    ((least >= STEADY) == good).then(|| {
        format!("while any one service is stopped, the other four give at least **{least:.1} %** good answers")
    })
}

/// What was answered wrongly while services were stopped.
fn wrong(figures: &[Figure], architecture: &str) -> Vec<String> {
    let of = figures.iter().filter(|figure| figure.id.starts_with("wrong-"));
    let arms = of.filter_map(|figure| Some((figure, figure.arms.iter().find(|arm| arm.architecture == architecture)?)));
    arms.filter_map(|(figure, arm)| Some((figure, arm.value?, arm.n)))
        .filter(|(_, value, _)| *value > 0.0)
        .map(|(figure, value, n)| {
            let occasions = figure.unit.strip_prefix(IN).unwrap_or_default();
            format!("{}: **{value:.0}** in {n}{occasions}", figure.title)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::blocks::tests::figure;
    use super::*;
    use crate::experiments::architectures::ArmFigure;

    fn count(id: &str, values: [f64; 3], n: u64) -> Figure {
        let blank = figure(id, [[1.0; 6]; 3]);
        let value =
            |(arm, value): (&ArmFigure, f64)| ArmFigure { value: Some(value), interval: None, n, ..arm.clone() };
        let arms = blank.arms.iter().zip(values).map(value).collect();
        Figure { arms, pairs: vec![], decides: false, unit: format!("{IN} deletions"), ..blank }
    }

    /// HTTP calls get worse with the delay; with half of the requests writes, they are best.
    #[test]
    fn a_sentence_says_where_it_turns() {
        let near = |of: f64| [of, of * 1.01, of * 0.99, of, of * 1.02, of * 0.98];
        let far = |of: f64| [of * 1.01, of, of * 0.98, of * 1.02, of, of * 0.99];
        let other = |of: f64| [of * 0.99, of * 1.02, of, of, of * 1.01, of * 0.98];
        let usual = figure("p50", [near(1.0), far(1.5), other(1.5)]);
        let sentence = |more: Vec<Figure>| {
            let all: Vec<Figure> = std::iter::once(usual.clone()).chain(more).collect();
            answers(&all)[0].choose[0].clone()
        };
        assert!(!sentence(vec![]).contains("turn"));
        let delayed = |ms: &str, shared: f64| figure(&format!("p50-delay-{ms}"), [near(shared), far(3.0), other(4.0)]);
        assert!(
            sentence(vec![delayed("0.5", 1.0), delayed("2", 1.0)]).ends_with("; no turn up to 2 ms between processes")
        );
        let turned = sentence(vec![delayed("0.5", 1.0), delayed("2", 9.0)]);
        assert!(turned.ends_with("; with 2 ms between processes it is HTTP calls"), "{turned}");
        let alike = sentence(vec![delayed("0.5", 3.0)]);
        assert!(alike.ends_with("; with 0.5 ms between processes it is no longer beyond noise"), "{alike}");
        let unknown = Figure { pairs: vec![], ..delayed("0.5", 1.0) };
        let unknown = sentence(vec![unknown]);
        assert!(unknown.ends_with("; with 0.5 ms between processes too few blocks count to tell"), "{unknown}");
        let mixed = sentence(vec![figure("p50-mix-50:50", [near(2.0), far(1.0), other(2.0)])]);
        assert!(mixed.ends_with("; with 50:50 reads to writes it is HTTP calls"), "{mixed}");
    }

    #[test]
    fn each_is_told_by_what_it_is_best_and_worst_in() {
        let near = |of: f64| [of, of * 1.01, of * 0.99, of, of * 1.02, of * 0.98];
        let far = |of: f64| [of * 1.01, of, of * 0.98, of * 1.02, of, of * 0.99];
        let all = [
            figure("p50", [near(1.0), far(2.0), near(1.0)]),
            figure("memory", [near(100.0), far(100.0), far(900.0)]),
            count("good-without-profile", [100.0, 80.0, 99.9], 400),
            count("wrong-owner", [0.0, 3.0, 7.0], 12),
        ];
        let [shared, http, log] = &answers(&all)[..] else { panic!() };
        assert_eq!(
            shared.choose,
            ["while any one service is stopped, the other four give at least **100.0 %** good answers"]
        );
        assert!(shared.price.is_empty(), "{shared:?}");
        assert!(http.price[0].starts_with("p50: **2.00 ms**; Shared database ×0.5"), "{http:?}");
        assert_eq!(
            http.price[1..],
            [
                "while any one service is stopped, the other four give at least **80.0 %** good answers",
                "wrong-owner: **3** in 12 deletions"
            ]
        );
        assert!(
            log.price[0].starts_with("memory: **898 ms**") || log.price[0].starts_with("memory: **900 ms**"),
            "{log:?}"
        );
        assert_eq!(log.choose.len(), 1);
    }
}
