//! How a command of `lab` ends when it doesn't end well: one sentence and an exit code.

use std::process::ExitCode;

/// One sentence for a person, and what kind of ending it is.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Exit code 2: wrong usage or input that can't be read.
    #[error("{0}")]
    Usage(String),
    /// Exit code 3: it could not run, for a reason outside of the command line.
    #[error("{0}")]
    CouldNotRun(String),
}

impl Failure {
    /// Wrong usage or bad input.
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self::Usage(sentence.into())
    }

    /// Something outside is missing or in the way.
    pub fn could_not_run(sentence: impl Into<String>) -> Self {
        Self::CouldNotRun(sentence.into())
    }

    /// What to hand to the shell.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::CouldNotRun(_) => 3,
        })
    }
}

/// An error of `dba` ends a command of `lab` in the same way.
impl From<schema::Error> for Failure {
    fn from(error: schema::Error) -> Self {
        let sentence = format!("{error}.");
        if error.code() == 2 { Self::Usage(sentence) } else { Self::CouldNotRun(sentence) }
    }
}

impl From<behaviour::Failed> for Failure {
    fn from(failed: behaviour::Failed) -> Self {
        match failed {
            behaviour::Failed::NoService(name) => {
                Self::usage(format!("The target names no {name}, which its data needs: add its base URL."))
            }
            other => Self::could_not_run(format!("{other}.")),
        }
    }
}
