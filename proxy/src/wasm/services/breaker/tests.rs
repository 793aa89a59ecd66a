//! The breaker's states in virtual time.

use super::*;

const SETTINGS: Settings = Settings {
    window: Duration::from_secs(10),
    results_min: 4,
    failure_percent: 50,
    slow: Duration::from_millis(500),
    open: Duration::from_secs(5),
    probes: 2,
};
const FAST: Duration = Duration::from_millis(1);

fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

fn opened(now: Instant) -> Breaker {
    let mut breaker = Breaker::new(SETTINGS);
    let last = (0..4).filter_map(|_| breaker.failure(now)).last();
    assert_eq!(last, Some(Transition { from: BreakerState::Closed, to: BreakerState::Open }));
    breaker
}

#[test]
fn too_few_results_say_nothing() {
    let mut breaker = Breaker::new(SETTINGS);
    for _ in 0..3 {
        assert_eq!(breaker.failure(at(0)), None);
    }
    assert_eq!(breaker.state(at(0)), BreakerState::Closed);
    assert_eq!(breaker.results(at(0)), (3, 3));
}

#[test]
fn it_opens_at_the_share_of_failures() {
    let mut breaker = Breaker::new(SETTINGS);
    for _ in 0..4 {
        breaker.success(FAST, at(0));
    }
    for _ in 0..3 {
        assert_eq!(breaker.failure(at(1)), None);
    }
    assert!(breaker.failure(at(2)).is_some());
    assert_eq!(breaker.admit(at(2)).0, Err(Duration::from_secs(5)));
}

#[test]
fn slow_successes_are_failures() {
    let mut breaker = Breaker::new(SETTINGS);
    let transitions: Vec<_> = (0..4).filter_map(|_| breaker.success(Duration::from_secs(1), at(0))).collect();
    assert_eq!(transitions.len(), 1);
}

#[test]
fn old_results_leave_the_window() {
    let mut breaker = Breaker::new(SETTINGS);
    for _ in 0..3 {
        breaker.failure(at(0));
    }
    assert_eq!(breaker.results(at(8_900)), (3, 3));
    assert_eq!(breaker.results(at(10_000)), (0, 0));
    assert_eq!(breaker.failure(at(10_000)), None);
}

#[test]
fn after_its_time_it_lets_probes_through() {
    let mut breaker = opened(at(0));
    assert_eq!(breaker.state(at(4_999)), BreakerState::Open);
    assert_eq!(breaker.state(at(5_000)), BreakerState::HalfOpen);
    let (admitted, transition) = breaker.admit(at(5_000));
    assert_eq!(admitted, Ok(()));
    assert_eq!(transition, Some(Transition { from: BreakerState::Open, to: BreakerState::HalfOpen }));
    assert_eq!(breaker.admit(at(5_001)), (Ok(()), None));
    assert_eq!(breaker.admit(at(5_002)), (Err(Duration::from_millis(4_998)), None));
}

#[test]
fn enough_good_probes_close_it() {
    let mut breaker = opened(at(0));
    breaker.admit(at(5_000)).0.unwrap();
    assert_eq!(breaker.success(FAST, at(5_001)), None);
    breaker.admit(at(5_002)).0.unwrap();
    let closed = Some(Transition { from: BreakerState::HalfOpen, to: BreakerState::Closed });
    assert_eq!(breaker.success(FAST, at(5_003)), closed);
    assert_eq!(breaker.results(at(5_003)), (0, 0));
}

#[test]
fn one_bad_probe_opens_it_again() {
    let mut breaker = opened(at(0));
    breaker.admit(at(5_000)).0.unwrap();
    let opened = Some(Transition { from: BreakerState::HalfOpen, to: BreakerState::Open });
    assert_eq!(breaker.failure(at(5_001)), opened);
    assert_eq!(breaker.admit(at(5_002)).0, Err(Duration::from_millis(4_999)));
}

#[test]
fn a_probe_that_nothing_is_said_of_gives_its_place_back() {
    let mut breaker = opened(at(0));
    breaker.admit(at(5_000)).0.unwrap();
    breaker.admit(at(6_000)).0.unwrap();
    assert!(breaker.admit(at(9_999)).0.is_err());
    assert_eq!(breaker.admit(at(10_000)).0, Ok(()));
    assert_eq!(breaker.admit(at(10_001)).0, Err(Duration::from_millis(999)));
}

#[test]
fn results_that_come_in_late_say_nothing_while_it_is_open() {
    let mut breaker = opened(at(0));
    assert_eq!(breaker.failure(at(100)), None);
    assert_eq!(breaker.success(FAST, at(100)), None);
    assert_eq!(breaker.admit(at(100)).0, Err(Duration::from_millis(4_900)));
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    for bad in [
        Settings { window: Duration::ZERO, ..SETTINGS },
        Settings { open: Duration::from_secs(3601), ..SETTINGS },
        Settings { results_min: 0, ..SETTINGS },
        Settings { failure_percent: 101, ..SETTINGS },
        Settings { probes: 0, ..SETTINGS },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
    assert!(SETTINGS.check().is_ok());
}
