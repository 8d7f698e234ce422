//! What is asked of each dossier of a page, asked of all of them at once. A loader lives as long as its request and holds
//! who asks, so nobody is answered from what was loaded for somebody else; it remembers nothing, so that what follows a
//! mutation is read after it. What is wrong with one dossier is told of that one.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};
use domain::dossier::Act;
use domain::identity::{DisclosureId, DossierId};
use domain::synchronisation::Synchronisation;
use projections::notice::Notice;
use tracing::Instrument;

use crate::problem::ServiceError;
use crate::service::{Caller, HistoryEntry, Opened, Service, Shown};

/// Loads for one request.
pub struct Loads {
    service: Service,
    caller: Caller,
}

pub type Loaders = DataLoader<Loads>;

pub fn loaders(service: Service, caller: Caller) -> Loaders {
    // Traced, and counted, as part of the request.
    let spawn = |loading: futures::future::BoxFuture<'static, ()>| tokio::spawn(loading.in_current_span());
    DataLoader::new(Loads { service, caller }, spawn)
}

/// Several fields may have waited for one answer.
pub type Shared = Arc<ServiceError>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HistoryOf(pub DossierId);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActsOn(pub DossierId);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SynchronisationOf(pub DossierId);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NoticesOf(pub DossierId);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DisclosedTo(pub DossierId);

/// A sealed value of an event of a dossier, and how it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrivateText {
    pub dossier: DossierId,
    /// Type of the event.
    pub told_in: &'static str,
    pub token: String,
    pub shown: Shown,
}

impl Loader<HistoryOf> for Loads {
    type Value = Result<Arc<Vec<HistoryEntry>>, Shared>;
    type Error = Shared;

    async fn load(&self, keys: &[HistoryOf]) -> Result<HashMap<HistoryOf, Self::Value>, Shared> {
        let ids: Vec<DossierId> = keys.iter().map(|key| key.0).collect();
        let found = self.service.histories(&self.caller, &ids).await?;
        Ok(found
            .into_iter()
            .map(|(id, entries)| (HistoryOf(id), entries.map(Arc::new).map_err(Arc::new)))
            .collect())
    }
}

impl Loader<ActsOn> for Loads {
    type Value = Result<Vec<Act>, Shared>;
    type Error = Shared;

    async fn load(&self, keys: &[ActsOn]) -> Result<HashMap<ActsOn, Self::Value>, Shared> {
        let ids: Vec<DossierId> = keys.iter().map(|key| key.0).collect();
        let found = self.service.allowed_acts(&self.caller, &ids).await?;
        Ok(found.into_iter().map(|(id, acts)| (ActsOn(id), acts.map_err(Arc::new))).collect())
    }
}

impl Loader<SynchronisationOf> for Loads {
    type Value = Result<Synchronisation, Shared>;
    type Error = Shared;

    async fn load(
        &self,
        keys: &[SynchronisationOf],
    ) -> Result<HashMap<SynchronisationOf, Self::Value>, Shared> {
        let ids: Vec<DossierId> = keys.iter().map(|key| key.0).collect();
        let found = self.service.synchronisations_of(&ids).await?;
        Ok(found.into_iter().map(|(id, of)| (SynchronisationOf(id), of.map_err(Arc::new))).collect())
    }
}

impl Loader<NoticesOf> for Loads {
    type Value = Result<Vec<Notice>, Shared>;
    type Error = Shared;

    async fn load(&self, keys: &[NoticesOf]) -> Result<HashMap<NoticesOf, Self::Value>, Shared> {
        let ids: Vec<DossierId> = keys.iter().map(|key| key.0).collect();
        let found = self.service.notices_of(&ids).await?;
        Ok(found.into_iter().map(|(id, notices)| (NoticesOf(id), Ok(notices))).collect())
    }
}

impl Loader<DisclosedTo> for Loads {
    type Value = Result<DisclosureId, Shared>;
    type Error = Shared;

    async fn load(&self, keys: &[DisclosedTo]) -> Result<HashMap<DisclosedTo, Self::Value>, Shared> {
        let ids: Vec<DossierId> = keys.iter().map(|key| key.0).collect();
        let found = self.service.disclosed(&self.caller, &ids).await?;
        Ok(found.into_iter().map(|(id, disclosure)| (DisclosedTo(id), Ok(disclosure))).collect())
    }
}

impl Loader<PrivateText> for Loads {
    type Value = Result<Opened, Shared>;
    type Error = Shared;

    async fn load(&self, keys: &[PrivateText]) -> Result<HashMap<PrivateText, Self::Value>, Shared> {
        self.service.fetch_keys(keys.iter().map(|key| key.token.as_str())).await?;
        let mut texts = HashMap::new();
        for key in keys {
            let text = self.service.private_text(key.dossier, key.told_in, &key.token, key.shown).await;
            texts.insert(key.clone(), text.map_err(Arc::new));
        }
        Ok(texts)
    }
}
