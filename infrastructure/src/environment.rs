//! The only place that reads the environment.

use std::path::PathBuf;

/// A variable, if it is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where this user's programs keep data: `$XDG_DATA_HOME/motcua`, else `~/.local/share/motcua`.
pub fn data_home() -> Option<PathBuf> {
    variable("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/share")))
        .map(|base| base.join("motcua"))
}
