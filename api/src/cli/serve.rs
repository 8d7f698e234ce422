//! `motcua serve`

use std::net::SocketAddr;

use clap::Args;
use tokio::net::TcpListener;

use super::{CliError, StoreArgs, output, stop_requested};
use crate::http::{Settings, router};
use crate::service::Service;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    store: StoreArgs,
    /// Address and port; port 0 takes a free one and says which
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Take tokens of the form dev:<group>:<name>@<agency code>. They prove nothing: for development only
    #[arg(long)]
    development_tokens: bool,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), CliError> {
        let service = self.store.open().await?;
        serve(service, self.listen, Settings { development_tokens: self.development_tokens }, |_| {}).await
    }
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
    let follower = service.read_side.follow();
    if settings.development_tokens {
        tracing::warn!("development tokens are taken: never where real dossiers are");
    }
    output::note(&format!("listening on http://{address}"));
    ready(address);
    let served =
        axum::serve(listener, router(service, settings)).with_graceful_shutdown(stop_requested()).await;
    follower.abort();
    served.map_err(CliError::io("the server stopped"))
}
