//! `motcua serve`

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use clap::Args;
use infrastructure::scanner::Scanner;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::notices::notifier;
use super::payments::gateways;
use super::{CliError, StoreArgs, output, stop_requested};
use crate::documents::Documents;
use crate::http::{Rates, Settings, admin_router, router};
use crate::service::{DisclosurePolicy, FILE_BYTES_MAX, FilePolicy, Service};
use crate::sign_in::SignIn;
use crate::sign_in::administration::Administration;
use crate::sign_in::issuers::Issuers;

/// How long sockets may take to close when the server stops.
const SOCKETS_CLOSE_MAX: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    store: StoreArgs,
    /// Address and port; port 0 takes a free one and says which
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where metrics (/metrics) and health are told, for those who run this, and where they administer if they do it nowhere
    /// else; nowhere if absent
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// Remind people of deadlines, by this file of settings: see `motcua notices example`; nobody is reminded if absent
    #[arg(long, value_name = "FILE")]
    notices: Option<PathBuf>,
    /// Take payments through the gateways of this file: see `motcua payments example`; none if absent
    #[arg(long, value_name = "FILE")]
    payments: Option<PathBuf>,
    /// Take tokens of the form dev:<group>:<name>[/<unit>]@<agency code>. They prove nothing: for development only
    #[arg(long)]
    development_tokens: bool,
    /// Take tokens of the issuers in this file (OpenID Connect): see docs/runbooks/accounts.md
    #[arg(long, value_name = "FILE")]
    issuers: Option<PathBuf>,
    /// What each client may ask, and nothing else but for who has AD_HOC_QUERIES: manifests of hash and text, each named
    /// <client>.json; see docs/runbooks/documents.md. Anybody asks anything within the limits if absent
    #[arg(long, value_name = "DIR|FILE")]
    documents: Option<PathBuf>,
    /// Which client sessions are of: whose pages sign people in here
    #[arg(long, value_name = "CLIENT", default_value = "portal")]
    session_client: String,
    /// Nobody administers outside office hours
    #[arg(long)]
    administration_in_office_hours: bool,
    /// For how long break-glass opens the personal data of a dossier, up to a day
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..=1_440))]
    break_glass_minutes: u16,
    /// Nobody administers but through the listener of --admin, where /graphql and /session are then served as well
    #[arg(long, requires = "admin")]
    administration_on_admin_listener: bool,
    /// Nobody administers but from an address in one of these networks, as in 10.1.0.0/16,2001:db8:1::/48
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = network)]
    administration_from: Vec<IpNet>,
    /// Requests per second of one address without a token; five times as many for a moment; 0 for any number
    #[arg(long, value_name = "N", default_value_t = 20)]
    requests_per_address: u32,
    /// The same of one person or machine with a token
    #[arg(long, value_name = "N", default_value_t = 100)]
    requests_per_principal: u32,
    /// The address of a proxy in front: where it says that a request comes from is believed (X-Forwarded-For)
    #[arg(long, value_name = "IP")]
    proxy: Option<IpAddr>,
    /// Pages of another host that may open sockets, as https://portal.example; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// The most bytes of an uploaded file
    #[arg(long, value_name = "BYTES", default_value_t = FILE_BYTES_MAX)]
    file_bytes_max: u64,
    /// Program that gets each upload on stdin: exit code 0 is clean, 1 infected. It must know the EICAR test file. As in:
    /// clamdscan --no-summary -
    #[arg(long, value_name = "COMMAND")]
    scanner: Option<String>,
    /// How long the scanner may keep an upload waiting
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    scanner_seconds: u64,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let policy = self.file_policy().await?;
        let open_for = TimeDelta::minutes(i64::from(self.break_glass_minutes));
        let documents = self.documents().await?.map(Arc::new);
        let service = self.store.open().await?.taking_files(policy).taking_origins(self.origin.clone());
        let service = service.disclosing(DisclosurePolicy { open_for });
        let service = match self.payments.as_deref() {
            Some(settings) => {
                let gateways = gateways(&service, settings)?;
                service.paid_through(gateways)
            }
            None => service,
        };
        let notifier = self.notices.as_deref().map(|settings| notifier(&service, settings)).transpose()?;
        if notifier.is_none() {
            tracing::warn!(
                "no --notices is given: nobody is reminded of a deadline, and of a break-glass this log is told alone"
            );
        }
        let settings = Settings {
            sign_in: SignIn {
                development_tokens: self.development_tokens,
                issuers: Arc::new(self.issuers()?),
                administration: Administration {
                    in_office_hours: self.administration_in_office_hours,
                    on_admin_listener: self.administration_on_admin_listener,
                    from: self.administration_from.clone(),
                    ..Administration::default()
                },
                session_client: Some(self.session_client.clone()),
                ..SignIn::default()
            },
            rates: self.rates(),
            documents,
            ..Settings::default()
        };
        let time_max = settings.time_max;
        let admin = match self.admin {
            Some(admin) => Some(serve_admin(&service, admin, settings.clone()).await?),
            None => None,
        };
        let carrying = notifier.map(|notifier| notifier.follow());
        let refunding = self.payments.is_some().then(|| crate::payments::follow(service.clone()));
        let served = serve(service, self.listen, settings, |_| {}).await;
        if let (Some(admin), Ok(())) = (admin, &served)
            && tokio::time::timeout(time_max, admin).await.is_err()
        {
            tracing::warn!("some requests of administrators were not answered before the stop");
        }
        for follower in carrying.into_iter().chain(refunding) {
            follower.stop().await;
        }
        served
    }

    async fn documents(&self) -> Result<Option<Documents>, CliError> {
        let Some(path) = &self.documents else {
            tracing::info!("no --documents is given: anybody may ask anything within the limits");
            return Ok(None);
        };
        let documents = Documents::load(path).await.map_err(|error| CliError::Usage(error.to_string()))?;
        for (client, documents) in documents.clients() {
            tracing::info!(client, documents, "a client's documents are known");
        }
        Ok(Some(documents))
    }

    fn issuers(&self) -> Result<Issuers, CliError> {
        let Some(path) = &self.issuers else { return Ok(Issuers::default()) };
        Issuers::load(path).map_err(|error| {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
            CliError::Usage(format!("{}: {error}{}", path.display(), source.unwrap_or_default()))
        })
    }

    fn rates(&self) -> Rates {
        Rates {
            per_address: NonZeroU32::new(self.requests_per_address),
            per_principal: NonZeroU32::new(self.requests_per_principal),
            proxy: self.proxy,
        }
    }

    async fn file_policy(&self) -> Result<FilePolicy, CliError> {
        let time_max = Duration::from_secs(self.scanner_seconds);
        let scanner = self.scanner.as_deref().map(|command| Scanner::parse(command, time_max));
        let scanner = scanner.transpose().map_err(|error| CliError::Usage(error.to_string()))?;
        match &scanner {
            None => tracing::warn!("no --scanner is given: uploaded files are not scanned"),
            Some(scanner) => match scanner.finds_test_file().await {
                Ok(true) => {}
                Ok(false) => {
                    let reason =
                        "the scanner does not find the EICAR test file: it does not scan what it is given";
                    return Err(CliError::Usage(reason.to_owned()));
                }
                // It may come up later; until then no file is taken.
                Err(error) => {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::error!(error, "the scanner does not work: uploads are refused until it does");
                }
            },
        }
        Ok(FilePolicy { bytes_max: self.file_bytes_max, scanner })
    }
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, String> {
    let address = |_| text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(address).map_err(|_| "write a network as 10.1.0.0/16, or an address".to_owned())
}

/// Serves those who run this until the service stops.
async fn serve_admin(
    service: &Service,
    listen: SocketAddr,
    settings: Settings,
) -> Result<JoinHandle<()>, CliError> {
    let what = format!("{listen} cannot be listened on");
    let listener = TcpListener::bind(listen).await.map_err(CliError::io(what))?;
    let address = listener.local_addr().map_err(CliError::io("the address is not known"))?;
    output::note(&format!("metrics on http://{address}/metrics"));
    if settings.sign_in.administration.on_admin_listener {
        output::note(&format!("administration on http://{address}/graphql"));
    }
    let app = admin_router(service.clone(), settings).into_make_service_with_connect_info::<SocketAddr>();
    let mut stopping = service.live.stopping();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
    });
    Ok(tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "metrics are not told any more");
        }
    }))
}

/// Serves until asked to stop. Requests that are under way are answered first.
pub(super) async fn serve(
    service: Service,
    listen: SocketAddr,
    settings: Settings,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), CliError> {
    let what = format!("{listen} cannot be listened on");
    let listener = TcpListener::bind(listen).await.map_err(CliError::io(what))?;
    let address = listener.local_addr().map_err(CliError::io("the address is not known"))?;
    let followers = [service.read_side.follow(), service.people.follow()];
    if settings.sign_in.development_tokens {
        tracing::warn!("development tokens are taken: never where real dossiers are");
    }
    output::note(&format!("listening on http://{address}"));
    ready(address);
    let live = service.live.clone();
    let time_max = settings.time_max;
    let app = router(service, settings).into_make_service_with_connect_info::<SocketAddr>();
    let stop = live.clone();
    let serving = axum::serve(listener, app).with_graceful_shutdown(async move {
        stop_requested().await;
        stop.stop();
    });
    // Whoever takes nothing would keep the server for ever.
    let mut stopping = live.stopping();
    let held_up = async {
        let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
        tokio::time::sleep(time_max).await;
    };
    let served = tokio::select! {
        served = serving => served,
        () = held_up => {
            tracing::warn!("some requests were not answered before the stop");
            Ok(())
        }
    };
    // Sockets are no requests any more: the server does not wait for them by itself.
    if tokio::time::timeout(SOCKETS_CLOSE_MAX, live.ended()).await.is_err() {
        tracing::warn!(open = live.count(), "some sockets were not closed before the stop");
    }
    for follower in followers {
        follower.stop().await;
    }
    served.map_err(CliError::io("the server stopped"))
}
