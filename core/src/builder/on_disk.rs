//! What all streams with a disk begin with: their slot, the options it remembers, and under which IDs rows are encoded.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::identity::{Identity, Wanted};
use super::late::Question;
use super::stored_options::{self, Named};
use crate::control::SiftControl;
use crate::error::{Error, ErrorCode, Result};
use crate::remembered::Remembered;
use crate::seams::filesystem::{SharedFileSystem, ensure_dir};
use crate::spool::pbfs::MAX_CHUNK;
use crate::spool::{Slot, SlotKey, Spool};
use crate::tasks::backlog::Backlog;

/// A chunk's first row comes with a length of its own.
const ROW_OVERHEAD: u64 = 4;

/// Options of which a slot remembers what was chosen.
pub(super) trait SlotOptions {
    /// By the names under which the slot stores them.
    fn named(&mut self) -> Named<'_>;
    /// Checks what is in force.
    fn validate(&self) -> Result<()>;
    /// How long the start waits for Sift.
    fn offline_after(&self) -> Duration;
}

/// Where a stream with a disk is kept.
pub(super) struct Place {
    pub(super) filesystem: SharedFileSystem,
    /// The default of the platform if none.
    pub(super) root: Option<PathBuf>,
    /// The directory of the root that is for rows of this encoder; the root itself for those with a schema.
    pub(super) within: Option<&'static str>,
    pub(super) key: SlotKey,
    /// Files of earlier starts of all orphaned sub-slots are wanted, not only those without IDs.
    pub(super) adopts_all: bool,
}

/// A slot that is open.
pub(super) struct OnDisk {
    pub(super) root: PathBuf,
    pub(super) spool: Arc<Spool>,
    pub(super) backlog: Arc<Backlog>,
    pub(super) identity: Identity,
    /// What Sift has still to be asked.
    pub(super) question: Option<Question>,
}

impl Place {
    pub(super) async fn open(
        self,
        options: &mut (impl SlotOptions + Send),
        mut wanted: Wanted,
        control: &SiftControl,
    ) -> Result<OnDisk> {
        let root = match self.root {
            Some(root) => root,
            None => default_backups_dir()?,
        };
        let slots = self.within.map_or_else(|| root.clone(), |within| root.join(within));
        if self.within.is_some() {
            ensure_dir(&*self.filesystem, &root)
                .map_err(|error| Error::io(format_args!("cannot use {}", root.display()), &error))?;
        }
        let slot = Slot::open(self.filesystem, &slots, &self.key)?;
        let stored = stored_options::restore(&slot, options.named())?;
        options.validate()?;
        wanted.offline_after = options.offline_after();
        let spool = Spool::open(slot)?;
        let backlog = Arc::new(Backlog::find(Arc::clone(&spool), self.adopts_all));
        let older_runs = backlog.unknown_runs();
        wanted.include_late_flows(&spool)?;
        let identity = wanted.identify(&spool, &older_runs, control).await?;
        stored_options::store(spool.slot(), &stored, options.named())?;
        let question = if identity.is_complete {
            None
        } else {
            let older_runs = Wanted::unknown_runs(&Remembered::load(&spool)?, &older_runs);
            Some(Question { wanted: Arc::new(wanted), older_runs, spool: Arc::downgrade(&spool) })
        };
        Ok(OnDisk { root, spool, backlog, identity, question })
    }
}

/// Checks that a row of `max_row_size` bytes fits a file.
pub(super) fn check_row_size(max_row_size: usize) -> Result<()> {
    let most = MAX_CHUNK - ROW_OVERHEAD;
    if max_row_size as u64 > most {
        let message = format!("max_row_size can be at most {most} with files");
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    Ok(())
}

/// Checks that none of these numbers is 0.
pub(super) fn check_at_least_one(numbers: &[(&str, u64)]) -> Result<()> {
    match numbers.iter().find(|(_, value)| *value == 0) {
        Some((name, _)) => Err(Error::new(ErrorCode::InvalidArgument, format!("{name} must be at least 1"))),
        None => Ok(()),
    }
}

/// Where streams keep their rows on this platform if no directory is named.
pub fn default_backups_dir() -> Result<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().filter(|home| home.is_absolute());
    let data = if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        absolute("XDG_DATA_HOME").or_else(|| Some(home()?.join(".local/share")))
    };
    data.map(|data| data.join("siftstream")).ok_or_else(|| {
        let message = "the user's data directory is unknown: set backups_dir in the disk backup policy";
        Error::new(ErrorCode::NotConfigured, message)
    })
}
