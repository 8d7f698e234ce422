//! Whose files these are: an installation is told by the identity of its keys. Two of them in one folder would collect each
//! other's files.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use uuid::Uuid;

use super::objects::entries;
use super::{ContentError, ContentStore, blocking, io};

impl ContentStore {
    /// The folder is this installation's from now on; refused where it is another's.
    pub(super) async fn claim(&self) -> Result<(), ContentError> {
        let store = self.clone();
        blocking(&self.root, move || {
            store.is_ours()?;
            let path = store.root.join("owner");
            if path.exists() {
                return Ok(());
            }
            // It has its name when it is whole: another process never reads half of it.
            let temporary = store.root.join(format!("owner-{}.tmp", store.entropy.uuid()?.simple()));
            let mut options = std::fs::OpenOptions::new();
            let mut file =
                options.write(true).create_new(true).mode(0o600).open(&temporary).map_err(io(&temporary))?;
            let written = file.write_all(store.owner.to_string().as_bytes()).and_then(|()| file.sync_all());
            let named = written.and_then(|()| std::fs::hard_link(&temporary, &path));
            std::fs::remove_file(&temporary).map_err(io(&temporary))?;
            match named {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => store.is_ours(),
                outcome => outcome.map_err(io(&path)),
            }
        })
        .await
    }

    /// Refused where the folder is another installation's, or has files and says of nobody that they are his.
    pub(super) fn is_ours(&self) -> Result<(), ContentError> {
        let path = self.root.join("owner");
        let owner = match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().unwrap_or(Uuid::nil()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if entries(&self.objects())?.is_empty() && entries(&self.incoming())?.is_empty() {
                    return Ok(());
                }
                Uuid::nil()
            }
            Err(error) => return Err(io(&path)(error)),
        };
        if owner == self.owner { Ok(()) } else { Err(ContentError::OthersFolder(self.root.clone())) }
    }
}
