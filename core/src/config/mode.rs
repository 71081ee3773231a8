//! Where rows go, chosen at run time.

/// Where the rows of a stream go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// To Sift; rows that are not confirmed stay in memory.
    #[default]
    LiveOnly,
    /// To Sift; rows that are not confirmed stay on disk.
    LiveWithBackups,
    /// To files.
    FileBackup,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 3] = [Self::LiveOnly, Self::LiveWithBackups, Self::FileBackup];

    /// The name, the same in every language.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LiveOnly => "live_only",
            Self::LiveWithBackups => "live_with_backups",
            Self::FileBackup => "file_backup",
        }
    }

    /// The mode of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}
