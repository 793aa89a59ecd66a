//! All keys at hand: those of the config, and those of files, which may rotate.

use belay_filter::{configured, host};

use crate::claims::Claims;
use crate::jws::Jws;
use crate::key::{Key, WrittenKey};
use crate::proven::{Proven, Sum};

/// An unknown key makes us read a file again, but not more often, lest anybody can keep us reading.
const REREAD_MS_MIN: u64 = 5_000;

pub(crate) struct Keyring {
    written: Vec<Key>,
    files: Vec<KeyFile>,
    proven: Proven,
}

struct KeyFile {
    name: String,
    version: Option<u64>,
    read_ms: u64,
    /// The last that could be read: a file that is being replaced must not lock everybody out.
    keys: Vec<Key>,
}

impl Keyring {
    pub(crate) fn of(written: &[WrittenKey]) -> configured::Result<Self> {
        let mut ring = Self { written: Vec::new(), files: Vec::new(), proven: Proven::default() };
        if written.is_empty() {
            return Err(configured::Error::at("keys", "there must be one at least"));
        }
        for (place, key) in written.iter().enumerate() {
            let keys = key.keys();
            ring.written.extend(keys.map_err(|problem| configured::Error::at(&format!("keys[{place}]"), problem))?);
            if let WrittenKey::File(name) = key {
                let mut file = KeyFile { name: name.clone(), version: None, read_ms: 0, keys: Vec::new() };
                file.read().map_err(|problem| configured::Error::at(&format!("keys[{place}].file"), problem))?;
                ring.files.push(file);
            }
        }
        Ok(ring)
    }

    /// What a token says, if a key at hand has signed it.
    pub(crate) fn verify(&mut self, token: &str) -> Result<Claims, &'static str> {
        let jws = Jws::read(token)?;
        for file in &mut self.files {
            if file.version != Some(host::file_version(&file.name)) {
                file.reread();
                self.proven.forget();
            }
        }
        if !self.knows(&jws) {
            let now_ms = host::now_ms();
            for file in self.files.iter_mut().filter(|file| now_ms >= file.read_ms.saturating_add(REREAD_MS_MIN)) {
                file.reread();
                self.proven.forget();
            }
        }
        let sum = Sum::of(token);
        if !self.proven.has(&sum) {
            self.prove(&jws)?;
            self.proven.add(sum);
        }
        Claims::read(jws.payload())
    }

    fn prove(&self, jws: &Jws<'_>) -> Result<(), &'static str> {
        if !self.candidates(jws).any(|key| jws.is_signed_by(&key.public)) {
            return Err("the token's signature is by no known key");
        }
        Ok(())
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        self.written.iter().chain(self.files.iter().flat_map(|file| &file.keys))
    }

    fn knows(&self, jws: &Jws<'_>) -> bool {
        jws.header.kid.is_none() || self.keys().any(|key| key.id == jws.header.kid)
    }

    /// Those of the token's `kid`, and those that have none.
    fn candidates(&self, jws: &Jws<'_>) -> impl Iterator<Item = &Key> {
        let wanted = jws.header.kid.as_deref();
        self.keys().filter(move |key| wanted.is_none() || key.id.is_none() || key.id.as_deref() == wanted)
    }
}

impl KeyFile {
    fn read(&mut self) -> Result<(), &'static str> {
        self.version = Some(host::file_version(&self.name));
        self.read_ms = host::now_ms();
        let bytes = host::read_file(&self.name).ok_or("the file cannot be read; is it listed under `files`?")?;
        self.keys = Key::file(&bytes)?;
        Ok(())
    }

    fn reread(&mut self) {
        if let Err(problem) = self.read() {
            host::count("unreadable-keys", 1);
            host::log(host::Level::Warn, &["file ", &self.name, ": ", problem, "; the old keys stay in use"].concat());
        }
    }
}
