//! What lies in the store, and taking out what nobody names.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use domain::codes::Digest;
use domain::identity::FileId;
use domain::time::Instant;

use super::{ContentError, ContentStore, blocking, io};

/// What an object is called, in as few bytes as it needs: there may be millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObjectName {
    file: FileId,
    sha256: [u8; 32],
}

/// What is in the store since before a moment.
#[derive(Debug, Default)]
pub struct Leftovers {
    pub objects: HashSet<ObjectName>,
    /// Files that were never finished.
    pub incoming: Vec<PathBuf>,
    /// Files of another name, which are nobody's to remove.
    pub unknown: Vec<PathBuf>,
}

impl ObjectName {
    /// `None` where the digest of an event is none.
    pub fn new(file: FileId, sha256: &Digest) -> Option<Self> {
        let digits = Digest::parse(sha256.as_str()).ok()?;
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(digits.as_str().get(at..at + 2)?, 16).ok()?;
        }
        Some(Self { file, sha256: bytes })
    }

    fn parse(name: &str) -> Option<Self> {
        let (file, sha256) = name.rsplit_once('-')?;
        Self::new(file.parse().ok()?, &Digest::parse(sha256).ok()?)
    }

    fn digest(&self) -> String {
        self.sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl ContentStore {
    /// Everything that was last written before a moment, named by an event or not. Refused where the folder is another
    /// installation's: nothing of its files is named by this log.
    pub async fn older_than(&self, moment: Instant) -> Result<Leftovers, ContentError> {
        let store = self.clone();
        blocking(&self.root, move || {
            store.is_ours()?;
            let mut found = Leftovers::default();
            for path in files(&store.incoming(), moment)? {
                let is_ours = path.extension().is_some_and(|ending| ending == "tmp");
                if is_ours { found.incoming.push(path) } else { found.unknown.push(path) }
            }
            for shelf in entries(&store.objects())? {
                for path in files(&shelf, moment)? {
                    let name = path.file_name().and_then(|name| name.to_str()).and_then(ObjectName::parse);
                    let Some(name) = name else {
                        found.unknown.push(path);
                        continue;
                    };
                    found.objects.insert(name);
                }
            }
            Ok(found)
        })
        .await
    }

    /// Takes an object out, and says how many bytes it had. One that is gone already is gone.
    pub async fn remove(&self, name: ObjectName) -> Result<u64, ContentError> {
        remove(self.shelf(name.file).join(format!("{}-{}", name.file, name.digest()))).await
    }

    /// Takes out what [`Self::older_than`] found among the incoming.
    pub async fn remove_incoming(&self, path: &Path) -> Result<u64, ContentError> {
        remove(path.to_owned()).await
    }
}

async fn remove(path: PathBuf) -> Result<u64, ContentError> {
    blocking(&path.clone(), move || {
        let bytes = path.metadata().map_or(0, |metadata| metadata.len());
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(io(&path)(error)),
        }
    })
    .await
}

/// None where there is no such folder yet.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, ContentError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(folder)(error)),
    };
    entries.map(|entry| Ok(entry.map_err(io(folder))?.path())).collect()
}

fn files(folder: &Path, moment: Instant) -> Result<Vec<PathBuf>, ContentError> {
    let mut old = Vec::new();
    for path in entries(folder)? {
        // Somebody else may have taken it away meanwhile.
        let Ok(metadata) = path.metadata() else { continue };
        let written: Instant = metadata.modified().map_err(io(&path))?.into();
        if written < moment {
            old.push(path);
        }
    }
    Ok(old)
}
