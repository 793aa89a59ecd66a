//! Settings and what is made of them and their files, of either side of TLS: made anew when the files change, and used by
//! connections from then on. How it is made is each side's.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use super::watch::{Stamps, stamps};
use super::{BadFile, Certificate, Identity, Watched};

/// One side of TLS, as it is configured.
pub trait Settings: Clone + Eq + fmt::Debug + Send + Sync {
    /// What rustls works by.
    type Config: Send + Sync;

    /// Who we are.
    fn identities(&self) -> &[Identity];

    /// The file of those who may sign the other's certificate.
    fn authorities(&self) -> Option<&Path>;

    /// Reads the files. With the certificate of each identity, as far as it can be read.
    ///
    /// # Errors
    /// A file that cannot be used.
    fn build(&self) -> Result<(Self::Config, Vec<Option<Certificate>>), BadFile>;
}

/// Ready for connections, with the files' content of when they were last read well.
pub struct Live<S: Settings> {
    settings: S,
    /// Held to take or replace it, no longer.
    current: RwLock<Current<S::Config>>,
}

struct Current<C> {
    config: Arc<C>,
    /// By identity.
    ours: Vec<Option<Certificate>>,
    loaded: Stamps,
}

impl<S: Settings> Live<S> {
    /// Reads the files. Blocks on that.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub fn load(settings: S) -> Result<Self, BadFile> {
        let current = RwLock::new(Current::of(&settings)?);
        Ok(Self { settings, current })
    }

    /// As it was loaded.
    pub fn settings(&self) -> &S {
        &self.settings
    }

    /// For what brings its own connections.
    pub fn config(&self) -> Arc<S::Config> {
        self.with(|current| Arc::clone(&current.config))
    }

    fn with<R>(&self, read: impl FnOnce(&Current<S::Config>) -> R) -> R {
        read(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<C> Current<C> {
    /// Of files as they were looked at before they were read: what changes in between is seen to have changed.
    fn of<S: Settings<Config = C>>(settings: &S) -> Result<Self, BadFile> {
        let loaded = stamps(&files(settings));
        let (config, ours) = settings.build()?;
        Ok(Self { config: Arc::new(config), ours, loaded })
    }
}

fn files<S: Settings>(settings: &S) -> Vec<&Path> {
    let pairs = settings.identities().iter().flat_map(|pair| [&*pair.certificate, &*pair.key]);
    pairs.chain(settings.authorities()).collect()
}

impl<S: Settings> Watched for Live<S> {
    fn files(&self) -> Vec<&Path> {
        files(&self.settings)
    }

    fn loaded(&self) -> Stamps {
        self.with(|current| current.loaded.clone())
    }

    fn reload(&self) -> Result<(), BadFile> {
        let fresh = Current::of(&self.settings)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    fn certificates(&self) -> Vec<(&Path, Certificate)> {
        let files = self.settings.identities().iter().map(|pair| &*pair.certificate);
        self.with(|current| files.zip(&current.ours).filter_map(|(file, ours)| Some((file, ours.clone()?))).collect())
    }
}

/// By what it was made of.
impl<S: Settings> PartialEq for Live<S> {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

impl<S: Settings> Eq for Live<S> {}

impl<S: Settings> fmt::Debug for Live<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}
