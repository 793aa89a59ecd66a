//! Numbers by OTLP: all that `/metrics` shows, sent to a collector now and then from a thread of its own. They are sums since
//! the start, so an export that fails costs nothing but its moment: the next one says it all, and none is made again.

mod encode;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use opentelemetry::Context;
use opentelemetry_http::HttpClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_sdk::Resource;
use prost::Message;
use tokio::time::{Instant, sleep, timeout};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;

use self::encode::Encoder;
use super::environment::Collector;
use super::export::{
    DropReason, Ended, Ending, ExportCounts, Finish, Finished, Report, channel, finishing, http_client,
};
use super::{Protocol, StartError};
use crate::admin::Sample;

/// As the log says it.
const WHAT: &str = "exports of metrics";

/// Gives all numbers. On the exporter's thread; must not block for long.
pub type Gather = Box<dyn Fn() -> Vec<Sample> + Send + Sync>;

/// The way to the exporter's thread.
pub(super) struct Metrics {
    gather: Arc<OnceLock<Gather>>,
    finish: Finish,
}

impl Metrics {
    /// Starts the thread; it connects when there is something to send.
    pub(super) fn start(
        collector: Collector,
        every: Duration,
        resource: &Resource,
        counts: Arc<ExportCounts>,
    ) -> Result<Self, StartError> {
        let gather = Arc::new(OnceLock::new());
        let (finish, finished) = finishing();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let way = {
            // A gRPC channel belongs to the runtime that it is made in.
            let _inside = runtime.enter();
            Way::to(&collector)?
        };
        let exporter = Exporter {
            way,
            every,
            encoder: Encoder::new(resource),
            gather: Arc::clone(&gather),
            finished,
            counts,
            report: Report::default(),
            collector,
        };
        std::thread::Builder::new().name("otlp-metrics".into()).spawn(move || {
            let _in_silence = Context::enter_telemetry_suppressed_scope();
            runtime.block_on(exporter.run());
        })?;
        Ok(Self { gather, finish })
    }

    /// Where the numbers are, from now on. Once.
    pub(super) fn gather(&self, gather: Gather) {
        // A second one would say the same.
        let _ = self.gather.set(gather);
    }

    /// Has the last numbers sent within this time, and the thread end.
    pub(super) fn finish(&self, within: Duration) -> Ending {
        self.finish.ask(within)
    }
}

/// The thread's side.
struct Exporter {
    collector: Collector,
    way: Way,
    every: Duration,
    encoder: Encoder,
    gather: Arc<OnceLock<Gather>>,
    finished: Finished,
    counts: Arc<ExportCounts>,
    report: Report,
}

enum Way {
    Grpc(MetricsServiceClient<Channel>),
    Http(Box<dyn HttpClient>),
}

impl Exporter {
    async fn run(mut self) {
        loop {
            tokio::select! {
                () = sleep(self.every) => {}
                ended = self.finished.changed() => if ended == Ended::Yes { return },
            }
            self.export().await;
            self.report.tell(WHAT, &self.counts, Instant::now());
            if self.finished.tell_done() == Ended::Yes {
                return;
            }
        }
    }

    /// Once, within the collector's time and the process's.
    async fn export(&mut self) {
        let Some(gather) = self.gather.get() else { return };
        let request = self.encoder.request(gather());
        let outcome = tokio::select! {
            outcome = timeout(self.collector.timeout, self.way.send(&self.collector, request)) => outcome,
            () = self.finished.clone().time_is_up() => return self.counts.on_dropped(DropReason::Shutdown, 1),
        };
        let cause = match outcome {
            Ok(Ok(())) => return self.counts.on_exported(1),
            Ok(Err(cause)) => cause,
            Err(_) => format!("no answer within {:?}", self.collector.timeout),
        };
        self.counts.on_dropped(DropReason::ExportFailed, 1);
        self.report.cause = Some(cause);
    }
}

impl Way {
    fn to(collector: &Collector) -> Result<Self, StartError> {
        Ok(match collector.protocol {
            Protocol::Grpc => {
                let channel = channel(collector).map_err(|error| collector.refused(&error))?;
                Self::Grpc(MetricsServiceClient::new(channel))
            }
            Protocol::Http => Self::Http(Box::new(http_client(collector))),
        })
    }

    /// Why it failed, if it did.
    async fn send(&mut self, collector: &Collector, message: ExportMetricsServiceRequest) -> Result<(), String> {
        match self {
            Self::Grpc(client) => {
                let mut request = tonic::Request::new(message);
                *request.metadata_mut() = MetadataMap::from_headers(collector.headers.clone());
                client.export(request).await.map(drop).map_err(|status| status.to_string())
            }
            Self::Http(client) => {
                let request = Request::post(&collector.endpoint)
                    .header(http::header::CONTENT_TYPE, "application/x-protobuf")
                    .body(Bytes::from(message.encode_to_vec()))
                    .map_err(|error| error.to_string())?;
                let response = client.send_bytes(request).await.map_err(|error| error.to_string())?;
                match response.status() {
                    status if status.is_success() => Ok(()),
                    status => Err(format!("the collector answered {status}")),
                }
            }
        }
    }
}
