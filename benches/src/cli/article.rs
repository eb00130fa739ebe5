//! `lab article-figures`.

use std::process::ExitCode;

use clap::Args;

use super::common::{Common, positive};
use crate::Failure;
use crate::experiments::article::{self, Options};
use crate::result::attachments;

#[derive(Debug, Args)]
#[command(mut_arg("unoptimised", |arg| arg.hide(true)))]
#[command(after_help = "\
Stubs answer by the article's quantiles (mean 100 ms, p95 250, p99 500, p99.9 5000) and fail 1 time in 200.
Example, where all calls of a page are slow or fail together, as behind one database:
  lab article-figures --correlation 1")]
pub(super) struct ArticleArgs {
    /// Pages of each kind
    #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    pages: u64,
    /// Divide the article's delays by this number
    #[arg(long, default_value_t = 10.0, value_name = "N", value_parser = positive)]
    scale: f64,
    /// Probability that a call is slow or fails together with the others of its page: 0 as the article assumes, 1 as behind one database
    #[arg(long, default_value_t = 0.0, value_name = "0..1", value_parser = probability)]
    correlation: f64,
    /// Simulated users who load pages at the same time
    #[arg(long, default_value_t = 48, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    users: u32,
    #[command(flatten)]
    common: Common,
}

/// Measures the article's figures.
pub(super) fn figures(args: &ArticleArgs) -> Result<ExitCode, Failure> {
    let figures = article::run(Options {
        pages: args.pages,
        scale: args.scale,
        correlation: args.correlation,
        users: args.users,
        seed: args.common.seed,
    })?;
    args.common.end(attachments::ARTICLE, &figures)?;
    Ok(ExitCode::SUCCESS)
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("a number from 0 to 1".into()),
    }
}
