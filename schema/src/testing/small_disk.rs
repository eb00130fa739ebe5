//! A disk that can be filled.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of its own, which is gone with the value.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// For the owner of this folder. Only root may make one.
    ///
    /// # Errors
    /// Why there is none, for [`needs`](super::needs).
    pub fn owned_by(folder: &Path, megabytes: u32) -> Result<Self, String> {
        let owner = fs::metadata(folder).map_err(|error| error.to_string())?;
        let place = tempfile::Builder::new().prefix("govrnanza-small-").tempdir().map_err(|error| error.to_string())?;
        let options = format!("size={megabytes}m,mode=755,uid={},gid={}", owner.uid(), owner.gid());
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(place.path()).output();
        match mounted {
            Ok(done) if done.status.success() => Ok(Self(place.keep())),
            Ok(done) => Err(format!("no file system of its own: {}", String::from_utf8_lossy(&done.stderr))),
            Err(error) => Err(format!("no program mount: {error}")),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Fills it but for so many bytes; the file that does.
    ///
    /// # Panics
    /// Where that file can't be made.
    #[must_use]
    pub fn fill(&self, but: u64) -> PathBuf {
        let path = self.0.join("filler");
        let fill = || {
            let mut file = File::create(&path)?;
            for size in [1 << 20, 4096, 1] {
                while file.write_all(&vec![1; size]).is_ok() {}
            }
            file.set_len(file.metadata()?.len().saturating_sub(but))
        };
        match fill() {
            Ok(()) => path,
            Err(error) => panic!("{} can't be filled: {error}", self.0.display()),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}
