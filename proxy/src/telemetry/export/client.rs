//! The two ways to a collector: OTLP over gRPC and over HTTP. The headers of the YAML are put on last, since the exporters
//! themselves would let the environment's win.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use opentelemetry::InstrumentationScope;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _, SdkLogRecord};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tonic::transport::{Channel, Endpoint};

use crate::telemetry::environment::Collector;
use crate::telemetry::{Protocol, StartError};
use crate::tls::Dialer;

/// What is exported piece by piece.
pub(in crate::telemetry) trait Item: Send + Sized + 'static {
    /// As the log says it.
    const WHAT: &'static str;
    /// The name of the thread that exports it.
    const THREAD: &'static str;
    /// The library's.
    type Exporter: Send + 'static;

    /// Within the runtime that will use it. Does not connect.
    fn exporter(collector: &Collector) -> Result<Self::Exporter, ExporterBuildError>;
    fn set_resource(exporter: &mut Self::Exporter, resource: &Resource);
    fn export(exporter: &Self::Exporter, batch: Vec<Self>) -> impl Future<Output = OTelSdkResult>;
}

impl Item for SpanData {
    const WHAT: &'static str = "spans";
    const THREAD: &'static str = "otlp-traces";
    type Exporter = SpanExporter;

    fn exporter(collector: &Collector) -> Result<SpanExporter, ExporterBuildError> {
        match collector.protocol {
            Protocol::Grpc => grpc(SpanExporter::builder().with_tonic(), collector)?.build(),
            Protocol::Http => http(SpanExporter::builder().with_http(), collector).build(),
        }
    }

    fn set_resource(exporter: &mut SpanExporter, resource: &Resource) {
        exporter.set_resource(resource);
    }

    fn export(exporter: &SpanExporter, batch: Vec<Self>) -> impl Future<Output = OTelSdkResult> {
        exporter.export(batch)
    }
}

impl Item for SdkLogRecord {
    const WHAT: &'static str = "lines for the collector";
    const THREAD: &'static str = "otlp-logs";
    type Exporter = LogExporter;

    fn exporter(collector: &Collector) -> Result<LogExporter, ExporterBuildError> {
        match collector.protocol {
            Protocol::Grpc => grpc(LogExporter::builder().with_tonic(), collector)?.build(),
            Protocol::Http => http(LogExporter::builder().with_http(), collector).build(),
        }
    }

    fn set_resource(exporter: &mut LogExporter, resource: &Resource) {
        exporter.set_resource(resource);
    }

    async fn export(exporter: &LogExporter, batch: Vec<Self>) -> OTelSdkResult {
        let scope = InstrumentationScope::builder("belay").build();
        let records: Vec<_> = batch.iter().map(|record| (record, &scope)).collect();
        exporter.export(LogBatch::new(&records)).await
    }
}

impl Collector {
    /// That it cannot be had in this way.
    pub(in crate::telemetry) fn refused(&self, cause: &dyn fmt::Display) -> StartError {
        StartError::Endpoint { endpoint: self.endpoint.as_str().into(), cause: cause.to_string().into() }
    }
}

fn grpc<B: WithTonicConfig + WithExportConfig>(builder: B, collector: &Collector) -> Result<B, ExporterBuildError> {
    let headers = collector.headers.clone();
    let with_headers = move |mut request: tonic::Request<()>| {
        let mut merged = std::mem::take(request.metadata_mut()).into_headers();
        merged.extend(headers.clone());
        *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(merged);
        Ok(request)
    };
    let bad = |error: tonic::transport::Error| ExporterBuildError::InternalFailure(error.to_string());
    let builder = builder.with_endpoint(&collector.endpoint).with_channel(channel(collector).map_err(bad)?);
    Ok(builder.with_timeout(collector.timeout).with_interceptor(with_headers))
}

fn http<B: WithHttpConfig + WithExportConfig>(builder: B, collector: &Collector) -> B {
    builder
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
        .with_endpoint(&collector.endpoint)
        .with_timeout(collector.timeout)
        .with_http_client(http_client(collector))
}

/// For gRPC. Within the runtime that will use it; connects when there is something to send.
pub(in crate::telemetry) fn channel(collector: &Collector) -> Result<Channel, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(collector.endpoint.clone())?.timeout(collector.timeout);
    Ok(endpoint.connect_with_connector_lazy(Dialer::http2(collector.tls.clone())))
}

/// For HTTP, with the collector's headers on each request.
pub(in crate::telemetry) fn http_client(collector: &Collector) -> impl HttpClient + use<> {
    let hyper = HyperClient::new(Dialer::new(collector.tls.clone()), collector.timeout, None);
    WithHeaders { hyper, headers: collector.headers.clone() }
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
