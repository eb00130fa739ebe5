//! The rival as anybody's system: driven through the contract alone (level B0), without what it doesn't have, and ours after it
//! at the same rates with the same requests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{OURS, THEIRS, start};
use crate::Failure;
use crate::compare::{self, Comparison};
use crate::data::Size;
use crate::design::Preset;
use crate::experiments::foreign;
use crate::measure::plan::Options;
use crate::result::ResultFile;
use crate::system::{Deployment, Layout, Site};
use crate::target::TargetFile;

/// How both are driven.
#[derive(Clone, Debug)]
pub struct AsTarget {
    /// How much.
    pub preset: Preset,
    /// How many rows, posted to each.
    pub size: Size,
    /// Of data and requests.
    pub seed: u64,
    /// Services built for load.
    pub optimised: bool,
    /// Gets a folder for each.
    pub folder: PathBuf,
}

/// Registry and whom its read needs: nobody else is driven.
const DRIVEN: [&str; 3] = ["account", "profile", "registry"];

/// Drives the rival, puts the data back, drives ours and compares; ours is the base. With the two results.
///
/// # Errors
/// When something can't be built, started, filled or compared.
pub fn as_target(options: &AsTarget, stop: &Arc<AtomicBool>) -> Result<(Comparison, [ResultFile; 2]), Failure> {
    let mut deployment = Deployment::filled(Size::TINY, options.seed, options.optimised, stop)?;
    let rival = start(&deployment, options.optimised, stop)?;
    let mut target = target(&deployment, THEIRS)?;
    let instead = target.services.insert("registry".into(), rival.url().into());
    target.load_at = instead.map(|url| ("registry".to_owned(), url)).into_iter().collect();
    let theirs = drive(options, &target, None, stop)?;
    drop(rival);
    // What was posted for the one would be more to search for the other.
    deployment.reset()?;
    let ours = drive(options, &self::target(&deployment, OURS)?, Some(&theirs), stop)?;
    let read = |folder: &Path| {
        ResultFile::read(&folder.join("result.json")).map_err(|error| Failure::could_not_run(format!("{error}.")))
    };
    let results = [read(&ours)?, read(&theirs)?];
    Ok((compare::compare(&results)?, results))
}

fn target(deployment: &Deployment, label: &str) -> Result<TargetFile, Failure> {
    let urls = DRIVEN.map(|name| Ok(format!("{name}={}", deployment.url(name)?)));
    let urls: Vec<String> = urls.into_iter().collect::<Result<_, Failure>>()?;
    Ok(TargetFile { label: label.into(), ..TargetFile::find(&urls.join(","))? })
}

/// Drives one, as another was if there is one, and gives its folder the label's name.
fn drive(
    options: &AsTarget,
    target: &TargetFile,
    like: Option<&Path>,
    stop: &Arc<AtomicBool>,
) -> Result<PathBuf, Failure> {
    eprintln!("{} through the contract alone …", target.label);
    let run = Options {
        layout: Layout::default(),
        preset: options.preset,
        seed: options.seed,
        results: options.folder.clone(),
        workload: like.map(|folder| folder.join("workload.toml")),
        utilisation: options.preset.utilisation(),
        size: options.size,
        optimised: options.optimised,
        rates_from: like.map(|folder| folder.join("result.json")),
    };
    let made = foreign::run(&run, target, true, stop)?;
    let named = options.folder.join(target.label.replace(' ', "-"));
    let moved = match std::fs::remove_dir_all(&named) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => std::fs::rename(&made, &named),
    };
    moved.map_err(|error| Failure::could_not_run(format!("{} can't be made: {error}.", named.display())))?;
    Ok(named)
}
