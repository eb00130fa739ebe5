//! What the binary does besides serving.

use std::io::BufRead;
use std::process::ExitCode;

use kit::{Boot, Invalid, Meta, StartError};

use crate::hashing;
use crate::keys;
use crate::model::new_password;
use crate::settings::{Command, Settings};
use crate::store::operators::{self, OperatorMade};

/// Runs the command that the settings ask for, if they do.
pub fn run(boot: &Boot<Settings>) -> Option<Result<(), StartError>> {
    match boot.settings().command.as_ref()? {
        Command::GenerateKey => Some(print_key()),
        Command::CreateOperator { email } => Some(create_operator(boot, email)),
    }
}

/// `generate-key` before anything else is read: who makes a key has no database yet.
pub fn generate_key_alone() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != "generate-key" || arguments.next().is_some() {
        return None;
    }
    match print_key() {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("account: {error}");
            Some(ExitCode::from(3))
        }
    }
}

fn print_key() -> Result<(), StartError> {
    print!("{}", keys::generate().map_err(StartError::Failed)?);
    Ok(())
}

fn create_operator(boot: &Boot<Settings>, email: &str) -> Result<(), StartError> {
    let mut password = String::new();
    let read = std::io::stdin().lock().read_line(&mut password);
    read.map_err(|error| StartError::Failed(format!("standard input can't be read: {error}")))?;
    let password = password.trim_end_matches(['\n', '\r']);
    let stored = kit::email::stored(email);
    let email = stored.as_deref().unwrap_or(email);
    let mut invalid = Invalid::default();
    invalid.email("--email", email);
    new_password(&mut invalid, "the password on standard input", password);
    if let Err(kit::Error::Invalid(errors)) = invalid.into_result() {
        let all: Vec<_> = errors.iter().map(|error| format!("{} {}", error.field, error.message)).collect();
        return Err(StartError::Usage(all.join("; ")));
    }
    let failed = |error: kit::Error| StartError::Failed(format!("the operator can't be made: {error}"));
    let hash = hashing::hash(password, boot.settings().password_max_age()).map_err(failed)?;
    let meta = Meta::of_job("create-operator", &boot.clock());
    match boot.db().write(|c| operators::create(c, &meta, email, &hash)).map_err(failed)? {
        OperatorMade::Created => println!("{email} is an operator now"),
        OperatorMade::Present => {
            println!("{email} is an operator already; the password stays as it was")
        }
        OperatorMade::Taken => {
            return Err(StartError::Usage(format!("{email} is a login of an organisation")));
        }
    }
    Ok(())
}
