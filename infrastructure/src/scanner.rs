//! A virus scanner: a program of the operator's that gets a file on stdin while it streams in. Exit code 0 is clean, 1 is
//! infected; whatever else it does, nothing is known about the file, and it is not taken.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

/// The file that every scanner calls infected and that harms nobody (eicar.org). In two parts, so that no scanner takes
/// this program for it.
const TEST_FILE: [&str; 2] = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"];

/// A command line, taken apart as a shell would and run without one.
#[derive(Clone, Debug)]
pub struct Scanner {
    program: String,
    arguments: Vec<String>,
    /// How long it may keep one piece of a file, or its verdict, waiting.
    time_max: Duration,
}

/// One file's scan. The program is killed with this value.
#[derive(Debug)]
pub struct Scan {
    child: Child,
    stdin: Option<ChildStdin>,
    time_max: Duration,
    /// It closed its stdin before the end of the file.
    stopped_reading: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Clean,
    Infected,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scanner is a program with its arguments, as in: clamdscan --no-summary -")]
pub struct InvalidScanner;

/// Nothing is known about the file.
#[derive(Debug, thiserror::Error)]
pub enum ScannerError {
    #[error("the scanner {program} does not start")]
    Start {
        program: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the scanner kept a file waiting for more than {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error("the scanner ended with {0}")]
    Ended(std::process::ExitStatus),
    #[error("the scanner ended without an error, and without having read the whole file")]
    ReadHalf,
    #[error("the scanner cannot be talked to")]
    Pipe(#[source] std::io::Error),
}

impl Scanner {
    pub fn parse(command: &str, time_max: Duration) -> Result<Self, InvalidScanner> {
        let mut words = shlex::split(command).ok_or(InvalidScanner)?.into_iter();
        let program = words.next().ok_or(InvalidScanner)?;
        Ok(Self { program, arguments: words.collect(), time_max })
    }

    /// Whether it finds the test file. A program that ignores what it is given, or knows no virus, does not.
    pub async fn finds_test_file(&self) -> Result<bool, ScannerError> {
        let mut scan = self.start()?;
        for part in TEST_FILE {
            scan.push(part.as_bytes()).await?;
        }
        match scan.verdict().await {
            Ok(verdict) => Ok(verdict == Verdict::Infected),
            Err(ScannerError::ReadHalf) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub fn start(&self) -> Result<Scan, ScannerError> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| ScannerError::Start { program: self.program.clone(), source })?;
        let stdin = child.stdin.take();
        Ok(Scan { child, stdin, time_max: self.time_max, stopped_reading: false })
    }
}

impl Scan {
    pub async fn push(&mut self, content: &[u8]) -> Result<(), ScannerError> {
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        match tokio::time::timeout(self.time_max, stdin.write_all(content)).await {
            Err(_) => Err(ScannerError::TooSlow(self.time_max)),
            // It may have seen enough to call it infected; its exit code says.
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                self.stopped_reading = true;
                self.stdin = None;
                Ok(())
            }
            Ok(outcome) => outcome.map_err(ScannerError::Pipe),
        }
    }

    /// The end of the file: what does it say?
    pub async fn verdict(mut self) -> Result<Verdict, ScannerError> {
        drop(self.stdin.take());
        let ended = tokio::time::timeout(self.time_max, self.child.wait()).await;
        let status = ended.map_err(|_| ScannerError::TooSlow(self.time_max))?.map_err(ScannerError::Pipe)?;
        match status.code() {
            Some(1) => Ok(Verdict::Infected),
            Some(0) if self.stopped_reading => Err(ScannerError::ReadHalf),
            Some(0) => Ok(Verdict::Clean),
            Some(_) | None => Err(ScannerError::Ended(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn scan(command: &str, content: &[u8]) -> Result<Verdict, ScannerError> {
        let mut scan = Scanner::parse(command, Duration::from_millis(300)).unwrap().start()?;
        scan.push(content).await?;
        scan.verdict().await
    }

    #[tokio::test]
    async fn only_the_exit_code_counts_and_everything_else_fails_closed() {
        let large = vec![b'a'; 1 << 20];
        assert_eq!(scan("sh -c 'cat >/dev/null'", &large).await.unwrap(), Verdict::Clean);
        assert_eq!(scan("sh -c 'cat >/dev/null; exit 1'", b"a").await.unwrap(), Verdict::Infected);
        // It has seen enough.
        assert_eq!(scan("sh -c 'exit 1'", &large).await.unwrap(), Verdict::Infected);
        let half = scan("sh -c 'head -c 10 >/dev/null'", &large).await;
        assert!(matches!(half, Err(ScannerError::ReadHalf)), "{half:?}");
        let broken = scan("sh -c 'cat >/dev/null; exit 2'", b"a").await;
        assert!(matches!(broken, Err(ScannerError::Ended(_))), "{broken:?}");
        let killed = scan("sh -c 'kill -9 $$'", b"a").await;
        assert!(matches!(killed, Err(ScannerError::Ended(_))), "{killed:?}");
        for command in ["sleep 60", "sh -c 'cat >/dev/null; exec sleep 60'"] {
            let hanging = scan(command, &large).await;
            assert!(matches!(hanging, Err(ScannerError::TooSlow(_))), "{command}: {hanging:?}");
        }
        let absent = scan("/nowhere/scanner -", b"a").await;
        assert!(matches!(absent, Err(ScannerError::Start { .. })), "{absent:?}");
    }

    #[tokio::test]
    async fn a_program_that_scans_nothing_is_found_out() {
        let finds = async |command: &str| {
            Scanner::parse(command, Duration::from_secs(5)).unwrap().finds_test_file().await
        };
        assert!(!finds("true").await.unwrap());
        assert!(!finds("sh -c 'cat >/dev/null'").await.unwrap());
        assert!(finds("sh -c '! grep -q STANDARD-ANTIVIRUS'").await.unwrap());
        assert!(finds("sh -c 'cat >/dev/null; exit 2'").await.is_err());
        assert_eq!(TEST_FILE.concat().len(), 68, "as published");
    }

    #[test]
    fn a_command_line_is_taken_apart_and_no_shell_sees_it() {
        let scanner = Scanner::parse("'/opt/a b/scan' --x=$HOME -", Duration::from_secs(1)).unwrap();
        assert_eq!((scanner.program.as_str(), scanner.arguments.len()), ("/opt/a b/scan", 2));
        assert_eq!(scanner.arguments[0], "--x=$HOME");
        for wrong in ["", "  ", "'unclosed"] {
            assert!(Scanner::parse(wrong, Duration::from_secs(1)).is_err(), "{wrong}");
        }
    }
}
