//! What becomes of spans when the collector is away, slow, or back again.

use super::*;

#[test]
fn with_the_collector_away_nothing_grows_and_nothing_waits() {
    let variables = [("OTEL_BSP_MAX_QUEUE_SIZE", "64"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16")];
    let setup = setup(&settings(&format!("http://{}", ports::free()), "grpc", EVERYTHING), &variables);
    let request = request(&[]);
    const SPANS: u64 = 10_000;
    for _ in 0..SPANS {
        HandshakeSpan::start(&request, &Scheme::HTTP, peer()).finish(101);
    }
    // Besides the queue there is one batch in the exporter's hands.
    let counts = &setup.telemetry.counts.spans;
    assert!(counts.dropped_in_all() >= SPANS - 64 - 16, "{counts:?}");
    setup.telemetry.shutdown(PATIENCE);
    assert_eq!(counts.dropped_in_all(), SPANS, "{counts:?}");
    assert_eq!(counts.exported(), 0);
}

#[test]
fn a_slow_collector_costs_spans_and_a_shutdown_only_the_time_it_has() {
    let Some(collector) = Collector::start_at("a_slow_collector", "grpc", ports::free(), 3600.0) else { return };
    let variables = [("OTEL_BSP_MAX_QUEUE_SIZE", "64"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16")];
    let setup = setup(&settings(&collector.endpoint(), "grpc", EVERYTHING), &variables);
    let request = request(&[]);
    const SPANS: u64 = 1_000;
    for _ in 0..SPANS {
        HandshakeSpan::start(&request, &Scheme::HTTP, peer()).finish(101);
    }
    let begun = Clock::now();
    setup.telemetry.shutdown(Duration::from_millis(300));
    assert!(begun.elapsed() < Duration::from_secs(8), "the export's own timeout is 10 s, the receiver's an hour");
    let counts = &setup.telemetry.counts.spans;
    assert_eq!(counts.dropped_in_all(), SPANS, "{counts:?}");
    assert!(counts.dropped(DropReason::QueueFull) >= SPANS - 64 - 16, "{counts:?}");
    assert!(counts.dropped(DropReason::Shutdown) >= 64, "{counts:?}");
}

#[test]
fn a_collector_that_comes_back_gets_what_happens_then() {
    let test = "a_collector_that_comes_back";
    let Some(collector) = Collector::start(test, "grpc") else { return };
    let variables = [("OTEL_BSP_SCHEDULE_DELAY", "20")];
    let mut settings = settings(&collector.endpoint(), "grpc", EVERYTHING);
    settings.otlp.timeout = Some(Duration::from_secs(3));
    let setup = setup(&settings, &variables);
    let request = request(&[]);
    let tell = |route: &str| {
        let span = HandshakeSpan::start(&request, &Scheme::HTTP, peer());
        span.route(route);
        span.finish(101);
    };
    tell("before");
    collector.span_where(|span| span.text("name") == "GET before");
    let address = collector.address;
    drop(collector);
    let begun = Clock::now();
    while setup.telemetry.counts.spans.dropped(DropReason::ExportFailed) == 0 {
        tell("while away");
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
    let Some(collector) = Collector::start_at(test, "grpc", address, 0.0) else { return };
    let begun = Clock::now();
    let exported = setup.telemetry.counts.spans.exported();
    while setup.telemetry.counts.spans.exported() == exported {
        tell("after");
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
    collector.span_where(|span| span.text("name") == "GET after");
}
