//! What a manifest says: which layer is the component. By the Wasm OCI artifact of the CNCF
//! (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>) there is one of the type `application/wasm`; what
//! `oras push` makes of one file has one layer of some other type.

use serde::Deserialize;

use super::reference::Digest;

/// Of a layer that is a component.
const WASM: &str = "application/wasm";
/// What manifests are called; the registry picks.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
                                 application/vnd.docker.distribution.manifest.v2+json, \
                                 application/vnd.oci.image.index.v1+json";

/// The layer that is the component.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Layer {
    pub(super) digest: Digest,
    pub(super) bytes: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    #[serde(default)]
    layers: Vec<Descriptor>,
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
}

/// # Errors
/// What is wrong with it, and what to do.
pub(super) fn component(manifest: &[u8]) -> Result<Layer, String> {
    let manifest: Manifest =
        serde_json::from_slice(manifest).map_err(|error| format!("its manifest is not one: {error}"))?;
    if manifest.schema_version != 2 {
        return Err(format!("its manifest is of version {}, not 2", manifest.schema_version));
    }
    if let Some(manifests) = &manifest.manifests {
        let digests: Vec<&str> = manifests.iter().take(8).map(|manifest| &*manifest.digest).collect();
        return Err(format!("it is an index of several; name one of them: {}", digests.join(", ")));
    }
    let types: Vec<&str> = manifest.layers.iter().take(8).map(|layer| &*layer.media_type).collect();
    let mut wasm = manifest.layers.iter().filter(|layer| layer.media_type == WASM);
    let layer = match (wasm.next(), wasm.next(), &manifest.layers[..]) {
        (Some(layer), None, _) => layer,
        (Some(_), Some(_), _) => return Err(format!("it has several layers of the type {WASM}, not one")),
        // Without compression it may be anything: 'oras push' calls every file so that it is given no type for.
        (None, _, [layer]) if layer.media_type.ends_with("gzip") || layer.media_type.ends_with("zstd") => {
            let (kind, hint) = (&layer.media_type, "push the component itself, with 'oras push' or 'wkg oci push'");
            return Err(format!("its layer is an archive ({kind}), as container images have it: {hint}"));
        }
        (None, _, [layer]) => layer,
        (None, _, []) => return Err("it has no layer".to_owned()),
        (None, _, _) => return Err(format!("none of its layers is of the type {WASM}: {}", types.join(", "))),
    };
    let digest = layer.digest.parse().map_err(|error| format!("its layer: {error}"))?;
    Ok(Layer { digest, bytes: layer.size })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(media_type: &str, letter: char) -> String {
        let digest = letter.to_string().repeat(64);
        format!(r#"{{ "mediaType": "{media_type}", "digest": "sha256:{digest}", "size": 7 }}"#)
    }

    fn of(layers: &[String]) -> Result<char, String> {
        let manifest = format!(r#"{{ "schemaVersion": 2, "layers": [{}] }}"#, layers.join(", "));
        component(manifest.as_bytes()).map(|layer| layer.digest.hex().chars().next().unwrap())
    }

    #[test]
    fn the_layer_of_wasm_is_taken_and_else_the_only_one() {
        assert_eq!(of(&[layer("application/wasm", 'a')]), Ok('a'));
        assert_eq!(of(&[layer("text/markdown", 'b'), layer("application/wasm", 'a')]), Ok('a'));
        assert_eq!(of(&[layer("application/vnd.wasm.content.layer.v1+wasm", 'c')]), Ok('c'));
        assert_eq!(of(&[layer("application/octet-stream", 'd')]), Ok('d'));
        assert_eq!(of(&[layer("application/vnd.oci.image.layer.v1.tar", 'e')]), Ok('e'));
    }

    #[test]
    fn what_could_be_anything_is_refused() {
        let bad = [
            vec![],
            vec![layer("application/wasm", 'a'), layer("application/wasm", 'b')],
            vec![layer("a/b", 'a'), layer("c/d", 'b')],
            vec![layer("application/vnd.oci.image.layer.v1.tar+gzip", 'a')],
        ];
        for layers in bad {
            assert!(of(&layers).is_err(), "{layers:?}");
        }
        assert!(component(br#"{ "schemaVersion": 2, "manifests": [] }"#).unwrap_err().contains("an index"));
        assert!(component(b"<html>").unwrap_err().contains("not one"));
        let short = r#"{ "schemaVersion": 2, "layers": [{ "mediaType": "application/wasm", "digest": "sha256:../x", "size": 7 }] }"#;
        assert!(component(short.as_bytes()).unwrap_err().contains("not a digest"));
    }
}
