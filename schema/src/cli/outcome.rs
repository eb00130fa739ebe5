//! What a command answers. Only `main` prints it, so no command needs to know the format.

use std::fmt::Display;

use clap::ValueEnum;
use schema::cluster::Cluster;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
    /// For the comment of a pull request.
    Markdown,
}

/// The answer of a command that could run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// For people; empty: nothing is printed.
    pub text: String,
    /// For scripts: one line, but for reports that are kept.
    pub json: String,
    /// For the comment of a pull request; none: the text as a block.
    pub markdown: Option<String>,
    /// Why the exit code is 1.
    pub finding: Option<String>,
    /// A server that runs until Ctrl-C.
    pub server: Option<Cluster>,
}

impl Outcome {
    /// Exit code 0.
    pub fn new(text: impl Into<String>, value: &impl Serialize) -> Self {
        Self { text: text.into(), json: serde_json::to_string(value).unwrap_or_default(), ..Self::default() }
    }

    /// Exit code 1 unless the count of findings is 0; `words` follow the count.
    pub fn with_findings(self, count: usize, words: &str) -> Self {
        Self { finding: (count > 0).then(|| format!("{count} {words}")), ..self }
    }
}

/// A line on standard output. The reader may have closed it (`| head`): that is no failure.
pub fn print_line(text: impl Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{text}");
}
