//! The only place that asks where this program runs: its environment, its machine.

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

/// This process, for people: the machine and its number there.
pub fn process_name() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname");
    format!("{} {}", machine.as_deref().unwrap_or("process").trim(), std::process::id())
}
