//! The table of numbers as OTLP has it (<https://opentelemetry.io/docs/specs/otel/metrics/data-model/>). Nothing here knows a
//! single metric: names, units and meanings come from the same constants as the text for Prometheus.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource as WireResource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_sdk::Resource;

use crate::admin::{Family, Kind, Part, Sample};

/// Makes requests that all speak for the same process.
pub(super) struct Encoder {
    resource: WireResource,
    /// Since when sums are summed, in nanoseconds of Unix time.
    started: u64,
}

impl Encoder {
    /// From now on.
    pub(super) fn new(resource: &Resource) -> Self {
        let attributes = ResourceAttributesWithSchema::from(resource).attributes.0;
        Self { resource: WireResource { attributes, ..WireResource::default() }, started: unix_nanos() }
    }

    /// All of these numbers, as of now.
    pub(super) fn request(&self, samples: Vec<Sample>) -> ExportMetricsServiceRequest {
        let now = unix_nanos();
        let mut metrics: Vec<Metric> = Vec::new();
        let mut families: Vec<&'static str> = Vec::new();
        for sample in &samples {
            let known = families.iter().position(|name| *name == sample.family.name);
            let index = known.unwrap_or_else(|| {
                families.push(sample.family.name);
                metrics.push(empty(sample.family));
                metrics.len() - 1
            });
            self.add(&mut metrics[index], sample, now);
        }
        let scope = InstrumentationScope {
            name: "belay".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, schema_url: String::new() }];
        let resource = Some(self.resource.clone());
        let resource_metrics = vec![ResourceMetrics { resource, scope_metrics, schema_url: String::new() }];
        ExportMetricsServiceRequest { resource_metrics }
    }

    fn add(&self, metric: &mut Metric, sample: &Sample, now: u64) {
        match &mut metric.data {
            Some(Data::Gauge(Gauge { data_points })) => data_points.push(number(sample, 0, now)),
            Some(Data::Sum(Sum { data_points, .. })) => data_points.push(number(sample, self.started, now)),
            Some(Data::Histogram(Histogram { data_points, .. })) => {
                let attributes = attributes(sample);
                let index = data_points.iter().position(|point| point.attributes == attributes).unwrap_or_else(|| {
                    data_points.push(HistogramDataPoint {
                        attributes,
                        start_time_unix_nano: self.started,
                        time_unix_nano: now,
                        ..HistogramDataPoint::default()
                    });
                    data_points.len() - 1
                });
                add_part(&mut data_points[index], sample);
            }
            _ => {}
        }
    }
}

/// One part of a histogram. Prometheus counts in each bucket what those before it count, too, OTLP does not; and the last
/// bucket, without a bound, is in OTLP no bound at all.
fn add_part(point: &mut HistogramDataPoint, sample: &Sample) {
    match sample.part {
        Part::Bucket => {
            let before: u64 = point.bucket_counts.iter().sum();
            point.bucket_counts.push((sample.value as u64).saturating_sub(before));
            let bound = sample.labels.last().and_then(|bound| bound.parse::<f64>().ok());
            point.explicit_bounds.extend(bound.filter(|bound| bound.is_finite()));
        }
        Part::Sum => point.sum = Some(sample.value),
        Part::Count => point.count = sample.value as u64,
        Part::Whole => {}
    }
}

fn empty(family: &'static Family) -> Metric {
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    let data = match family.kind {
        Kind::Gauge => Data::Gauge(Gauge::default()),
        Kind::Counter => Data::Sum(Sum { aggregation_temporality, is_monotonic: true, data_points: Vec::new() }),
        Kind::Histogram => Data::Histogram(Histogram { aggregation_temporality, data_points: Vec::new() }),
    };
    let (name, unit) = family.otlp();
    Metric {
        name: name.to_owned(),
        description: family.help.to_owned(),
        unit: unit.to_owned(),
        metadata: Vec::new(),
        data: Some(data),
    }
}

fn number(sample: &Sample, started: u64, now: u64) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(sample),
        start_time_unix_nano: started,
        time_unix_nano: now,
        value: Some(Value::AsDouble(sample.value)),
        ..NumberDataPoint::default()
    }
}

/// The labels; a histogram's bound is none of them.
fn attributes(sample: &Sample) -> Vec<KeyValue> {
    let labels = sample.family.labels.iter().zip(&sample.labels);
    labels
        .filter(|(name, _)| **name != "le")
        .map(|(name, value)| KeyValue {
            key: (*name).to_owned(),
            value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.clone())) }),
            ..KeyValue::default()
        })
        .collect()
}

fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    static TIMES: Family = Family::histogram("belay_odd_seconds", &["filter", "le"], "Odd.");

    #[test]
    fn a_histogram_is_one_point_with_counts_of_each_bucket_alone() {
        let part = |part, le: &[&str], value| TIMES.part(part, &[&["mask"], le].concat(), value);
        let samples = vec![
            part(Part::Bucket, &["0.1"], 2.0),
            part(Part::Bucket, &["0.5"], 5.0),
            part(Part::Bucket, &["+Inf"], 6.0),
            part(Part::Sum, &[], 3.5),
            part(Part::Count, &[], 6.0),
        ];
        let resource = Resource::builder_empty().build();
        let mut request = Encoder::new(&resource).request(samples);
        let metric = request.resource_metrics.remove(0).scope_metrics.remove(0).metrics.remove(0);
        assert_eq!((&*metric.name, &*metric.unit), ("belay_odd", "s"));
        let Some(Data::Histogram(Histogram { data_points, aggregation_temporality })) = metric.data else { panic!() };
        assert_eq!(aggregation_temporality, i32::from(AggregationTemporality::Cumulative));
        let [point] = &data_points[..] else { panic!("{data_points:?}") };
        assert_eq!((&point.bucket_counts[..], &point.explicit_bounds[..]), (&[2, 3, 1][..], &[0.1, 0.5][..]));
        assert_eq!((point.count, point.sum), (6, Some(3.5)));
        assert_eq!(point.attributes.len(), 1);
    }
}
