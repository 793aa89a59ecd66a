//! Who is speaking: the attributes that every exported span shares, by OpenTelemetry's semantic conventions for services
//! and Kubernetes. What wins: the YAML, then the environment's OpenTelemetry variables, then what we find out.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

use super::{Environment, Settings};

/// What the Helm chart hands over by the downward API, and its name by the semantic conventions.
const POD: [(&str, &str); 5] = [
    ("POD_NAME", "k8s.pod.name"),
    ("POD_NAMESPACE", "k8s.namespace.name"),
    ("POD_UID", "k8s.pod.uid"),
    ("NODE_NAME", "k8s.node.name"),
    ("CONTAINER_NAME", "k8s.container.name"),
];

/// The resource of this process.
pub(super) fn describe(settings: &Settings, environment: &Environment) -> Resource {
    // Later ones win.
    let mut attributes = vec![
        KeyValue::new("service.name", "belay"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", instance_id()),
        KeyValue::new("host.name", host_name(environment)),
        KeyValue::new("process.pid", i64::from(std::process::id())),
        KeyValue::new("telemetry.sdk.name", "opentelemetry"),
        KeyValue::new("telemetry.sdk.language", "rust"),
    ];
    for (variable, key) in POD {
        attributes.extend(environment.get(variable).map(|value| KeyValue::new(key, value)));
    }
    attributes.extend(environment.resource_attributes().into_iter().map(|(key, value)| KeyValue::new(key, value)));
    attributes.extend(environment.get("OTEL_SERVICE_NAME").map(|name| KeyValue::new("service.name", name)));
    let yaml = settings.resource.iter();
    attributes.extend(yaml.map(|(key, value)| KeyValue::new(key.to_string(), value.to_string())));
    attributes.extend(settings.service_name.as_deref().map(|name| KeyValue::new("service.name", name.to_owned())));
    Resource::builder_empty().with_attributes(attributes).build()
}

/// A random UUID (RFC 9562, version 4), as the semantic conventions ask for.
fn instance_id() -> String {
    let bits = rand::random::<u128>() & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// In a pod, the pod's name.
fn host_name(environment: &Environment) -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
    kernel.ok().or_else(|| environment.get("HOSTNAME")).unwrap_or_else(|| "unknown".to_owned())
}
