//! Which payment gateways there are: a file of whoever runs this. Keys are in files of their own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::codes::GatewayCode;
use domain::dossier::PaymentMethod;
use infrastructure::clock::Clock;
use infrastructure::payment_gateway::{Gateway, GatewaySettings};
use serde::Deserialize;

use super::Gateways;
use crate::notices::{SettingsError, read_secret};

/// A file to begin with, which says what each line means.
pub const EXAMPLE: &str = include_str!("example.toml");

const KEY_CHARS_MIN: usize = 32;
const KEYS_MAX: usize = 2;
const TOLERANCE_SECONDS_MAX: u64 = 3_600;
const ORDER_MINUTES_MAX: u64 = 7 * 24 * 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    gateway: Vec<GatewayFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum MethodFile {
    LocalGateway,
    NationalGateway,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GatewayFile {
    code: String,
    method: MethodFile,
    url: String,
    key_files: Vec<PathBuf>,
    return_urls: Vec<String>,
    #[serde(default = "five_minutes")]
    tolerance_seconds: u64,
    #[serde(default = "a_quarter")]
    order_minutes: u64,
}

fn five_minutes() -> u64 {
    300
}

fn a_quarter() -> u64 {
    15
}

impl Gateways {
    /// Reads a file. Paths in it begin where it lies.
    pub fn read(path: &Path, clock: &Clock) -> Result<Self, SettingsError> {
        let failed = |source| SettingsError::File { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let malformed = |reason: String| SettingsError::Malformed { path: path.to_owned(), reason };
        let file: File = toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut gateways: Vec<Gateway> = Vec::new();
        for gateway in file.gateway {
            let keys = gateway.key_files.iter().map(|file| read_secret(&folder.join(file)));
            let settings = GatewaySettings {
                keys: keys.collect::<Result<_, _>>()?,
                ..gateway.checked().map_err(malformed)?
            };
            if !(1..=KEYS_MAX).contains(&settings.keys.len()) {
                return Err(malformed(format!("a gateway has between 1 and {KEYS_MAX} key_files")));
            }
            if settings.keys.iter().any(|key| key.expose().len() < KEY_CHARS_MIN) {
                return Err(malformed(format!("a key has {KEY_CHARS_MIN} characters or more")));
            }
            if gateways.iter().any(|known| *known.code() == settings.code) {
                return Err(malformed(format!("the gateway {} is there twice", settings.code)));
            }
            gateways
                .push(Gateway::new(settings, clock.clone()).map_err(|error| malformed(error.to_string()))?);
        }
        if gateways.is_empty() {
            return Err(malformed("there is no gateway in it".to_owned()));
        }
        Ok(Self::new(gateways))
    }
}

impl GatewayFile {
    /// Everything but the keys.
    fn checked(&self) -> Result<GatewaySettings, String> {
        if self.return_urls.is_empty() {
            return Err("a gateway has return_urls".to_owned());
        }
        if !(1..=TOLERANCE_SECONDS_MAX).contains(&self.tolerance_seconds) {
            return Err(format!("tolerance_seconds is between 1 and {TOLERANCE_SECONDS_MAX}"));
        }
        // An order is not handed out in its last minute.
        if !(2..=ORDER_MINUTES_MAX).contains(&self.order_minutes) {
            return Err(format!("order_minutes is between 2 and {ORDER_MINUTES_MAX}"));
        }
        Ok(GatewaySettings {
            code: GatewayCode::parse(&self.code).map_err(|error| error.to_string())?,
            url: self.url.clone(),
            method: match self.method {
                MethodFile::LocalGateway => PaymentMethod::LocalGateway,
                MethodFile::NationalGateway => PaymentMethod::NationalGateway,
            },
            keys: Vec::new(),
            return_urls: self.return_urls.clone(),
            tolerance: Duration::from_secs(self.tolerance_seconds),
            order_time: Duration::from_secs(self.order_minutes * 60),
        })
    }
}
