//! An image as the OCI image format has it (image-spec 1.1, `image-layout.md`): a folder of blobs under their digests, with
//! an index of the image for each processor. What is given twice comes out the same: owners, times and order are not the
//! machine's. Archives and digests are made by GNU tar, gzip and coreutils.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;

/// What the image is called in its layout.
pub(crate) const NAME: &str = "belay";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// As the Containerfile says it.
const RUN: &str = r#""User":"65532:65532","Entrypoint":["/usr/bin/belay"],"Cmd":["run","/etc/belay/config/belay.yaml"],"Labels":{"org.opencontainers.image.title":"Belay","org.opencontainers.image.description":"A sidecar proxy that keeps messaging clients connected while backends come and go.","org.opencontainers.image.source":"https://github.com/belay-proxy/belay","org.opencontainers.image.licenses":"Apache-2.0"}"#;

/// A layout that is being made.
pub(crate) struct Layout {
    folder: PathBuf,
    manifests: Vec<String>,
}

/// What is in a blob, as whoever names it describes it.
struct Blob {
    digest: String,
    bytes: u64,
}

impl Layout {
    /// Empty, in place of what was there.
    pub(crate) fn new(folder: PathBuf) -> Result<Self, String> {
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).map_err(|error| format!("{}: {error}", blobs.display()))?;
        Ok(Self { folder, manifests: Vec::new() })
    }

    /// The image of one processor, with this root as its only layer. Returns the layer's size, compressed.
    pub(crate) fn add(&mut self, arch: &str, root: &Path) -> Result<u64, String> {
        let archive = self.folder.join("layer.tar");
        let owners = ["--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"];
        let same = ["--sort=name", "--mtime=@0", "--format=posix", "--pax-option=delete=atime,delete=ctime"];
        let mut tar = Command::new("tar");
        tar.arg("--create").args(same).args(owners).arg("--file").arg(&archive).arg("--directory").arg(root).arg(".");
        super::succeed(&mut tar)?;
        let inside = digest(&archive)?;
        super::succeed(Command::new("gzip").args(["--no-name", "--best", "--force"]).arg(&archive))?;
        let layer = self.keep(&archive.with_extension("tar.gz"))?;

        let config = self.write(&format!(
            r#"{{"architecture":"{arch}","os":"linux","config":{{{RUN}}},"rootfs":{{"type":"layers","diff_ids":["{inside}"]}}}}"#
        ))?;
        let (config, described) = (config.described(CONFIG, ""), layer.described(LAYER, ""));
        let manifest = self.write(&format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{config},"layers":[{described}]}}"#
        ))?;
        let platform = format!(r#","platform":{{"architecture":"{arch}","os":"linux"}}"#);
        self.manifests.push(manifest.described(MANIFEST, &platform));
        Ok(layer.bytes)
    }

    /// Writes what leads to the images: an index of them, by the name [`NAME`].
    pub(crate) fn finish(self) -> Outcome {
        let index =
            |manifests: &str| format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{manifests}]}}"#);
        let images = self.write(&index(&self.manifests.join(",")))?;
        let named = format!(r#","annotations":{{"org.opencontainers.image.ref.name":"{NAME}"}}"#);
        let index = index(&images.described(INDEX, &named));
        for (name, content) in [("index.json", index), ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#.to_owned())] {
            let file = self.folder.join(name);
            std::fs::write(&file, content).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(())
    }

    fn write(&self, content: &str) -> Result<Blob, String> {
        let file = self.folder.join("blob");
        std::fs::write(&file, content).map_err(|error| format!("{}: {error}", file.display()))?;
        self.keep(&file)
    }

    /// Puts the file where its digest says.
    fn keep(&self, file: &Path) -> Result<Blob, String> {
        let digest = digest(file)?;
        let bytes = std::fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?.len();
        let place = self.folder.join("blobs").join(digest.replace(':', "/"));
        std::fs::rename(file, &place).map_err(|error| format!("{}: {error}", place.display()))?;
        Ok(Blob { digest, bytes })
    }
}

impl Blob {
    fn described(&self, media_type: &str, more: &str) -> String {
        let Self { digest, bytes } = self;
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{bytes}{more}}}"#)
    }
}

fn digest(file: &Path) -> Result<String, String> {
    let output = Command::new("sha256sum").arg("--binary").arg(file).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cannot run sha256sum: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    // It begins with a backslash if the file's name has one.
    let digest = said.trim_start_matches('\\').get(..64).filter(|_| output.status.success());
    digest.map(|digest| format!("sha256:{digest}")).ok_or_else(|| format!("no digest of {}", file.display()))
}
