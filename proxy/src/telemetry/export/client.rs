//! The two ways to a collector: OTLP over gRPC and over HTTP. The headers of the YAML are put on last, since the exporters
//! themselves would let the environment's win.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::telemetry::environment::Collector;
use crate::telemetry::{Protocol, StartError};
use crate::tls::Dialer;

/// A collector's client, of whichever protocol.
pub(super) struct Client(SpanExporter);

impl Client {
    /// Within the runtime that will use it. Does not connect.
    pub(super) fn new(collector: &Collector) -> Result<Self, StartError> {
        let exporter = match collector.protocol {
            Protocol::Grpc => grpc(collector),
            Protocol::Http => http(collector),
        };
        let bad = |error: ExporterBuildError| StartError::Endpoint {
            endpoint: collector.endpoint.as_str().into(),
            cause: error.to_string().into(),
        };
        exporter.map(Self).map_err(bad)
    }

    pub(super) fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }

    pub(super) fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> {
        self.0.export(batch)
    }
}

fn grpc(collector: &Collector) -> Result<SpanExporter, ExporterBuildError> {
    let headers = collector.headers.clone();
    let with_headers = move |mut request: tonic::Request<()>| {
        let mut merged = std::mem::take(request.metadata_mut()).into_headers();
        merged.extend(headers.clone());
        *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(merged);
        Ok(request)
    };
    let builder = SpanExporter::builder().with_tonic().with_endpoint(&collector.endpoint);
    let builder = match &collector.tls {
        None => builder,
        Some(tls) => {
            let bad = |error: tonic::transport::Error| ExporterBuildError::InternalFailure(error.to_string());
            let endpoint = tonic::transport::Endpoint::from_shared(collector.endpoint.clone()).map_err(bad)?;
            let dialer = Dialer::http2(Some(Arc::clone(tls)));
            builder.with_channel(endpoint.timeout(collector.timeout).connect_with_connector_lazy(dialer))
        }
    };
    builder.with_timeout(collector.timeout).with_interceptor(with_headers).build()
}

fn http(collector: &Collector) -> Result<SpanExporter, ExporterBuildError> {
    let hyper = HyperClient::new(Dialer::new(collector.tls.clone()), collector.timeout, None);
    SpanExporter::builder()
        .with_http()
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
        .with_endpoint(&collector.endpoint)
        .with_timeout(collector.timeout)
        .with_http_client(WithHeaders { hyper, headers: collector.headers.clone() })
        .build()
}

struct WithHeaders {
    hyper: HyperClient<Dialer>,
    headers: HeaderMap,
}

impl fmt::Debug for WithHeaders {
    /// Without the headers, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithHeaders").finish_non_exhaustive()
    }
}

impl HttpClient for WithHeaders {
    fn send_bytes<'a, 'b>(
        &'a self,
        mut request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        request.headers_mut().extend(self.headers.clone());
        self.hyper.send_bytes(request)
    }
}
