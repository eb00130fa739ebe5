//! Whether two lists are ordered alike.

/// Spearman's rank correlation, ties at their mean rank; `None` below three pairs or where one list doesn't vary.
#[must_use]
pub fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let (first, second): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    pearson(&ranks(&first), &ranks(&second))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let below = |value: f64| values.iter().filter(|other| **other < value).count() as f64;
    let equal = |value: f64| values.iter().filter(|other| **other == value).count() as f64;
    let rank = |value: &f64| below(*value) + f64::midpoint(equal(*value), 1.0);
    values.iter().map(rank).collect()
}

fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        xy += (a - mean_x) * (b - mean_y);
        xx += (a - mean_x).powi(2);
        yy += (b - mean_y).powi(2);
    }
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx * yy).sqrt())
}

#[cfg(test)]
mod tests {
    use super::spearman;

    #[test]
    fn only_the_order_counts() {
        let rising = [(1.0, 10.0), (2.0, 20.0), (3.0, 1e9), (4.0, 2e9)];
        assert!((spearman(&rising).unwrap() - 1.0).abs() < 1e-12);
        let falling = rising.map(|(a, b)| (a, -b));
        assert!((spearman(&falling).unwrap() + 1.0).abs() < 1e-12);
        // R: cor(c(1,2,2,4), c(1,3,2,4), method = "spearman") = 0.9486833
        let tied = [(1.0, 1.0), (2.0, 3.0), (2.0, 2.0), (4.0, 4.0)];
        assert!((spearman(&tied).unwrap() - 0.948_683_3).abs() < 1e-6);
        assert_eq!(spearman(&[(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]), None);
    }
}
