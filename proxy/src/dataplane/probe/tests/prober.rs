//! One client, its answers, and what is made of them.

use super::*;

fn adaptive() -> Probe {
    Probe::Adaptive(Adaptive { min: secs(30), max: secs(900), detect_within: secs(300), ..Adaptive::default() })
}

fn number(step: Step) -> u64 {
    match step {
        Step::Ask { number, .. } => number,
        other => panic!("{other:?}"),
    }
}

/// A client that was asked once, and answered after `rtt`, again and again.
fn known(policy: &Probe, rtt: Duration, times: u32) -> (Prober, Instant) {
    let mut prober = Prober::new(policy, None, NOON, 1.0);
    let mut heard = NOON;
    for _ in 0..times {
        let now = prober.next_due(policy, heard);
        let number = number(prober.handle_due(policy, now, heard));
        prober.on_written(now);
        heard = now + rtt;
        assert!(prober.handle_answer(policy, heard, number));
    }
    (prober, heard)
}

#[test]
fn round_trip_times_are_smoothed_as_rfc_6298_has_it() {
    let mut estimate = Estimate::default();
    assert_eq!((estimate.rtt(), estimate.timeout()), (None, None));
    estimate.on_answer(Duration::from_millis(100));
    // SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR.
    assert_eq!(estimate.timeout(), Some(Duration::from_millis(300)));
    estimate.on_answer(Duration::from_millis(180));
    // RTTVAR = 3/4 · 50 + 1/4 · 80 = 57.5; SRTT = 7/8 · 100 + 1/8 · 180 = 110.
    assert_eq!(estimate.timeout(), Some(Duration::from_millis(340)));
    for _ in 0..200 {
        estimate.on_answer(Duration::MAX);
    }
    assert!(estimate.timeout().is_some());
}

#[test]
fn loss_is_a_share_of_probes() {
    let mut estimate = Estimate::default();
    for n in 0..1_000 {
        if n % 5 == 0 { estimate.on_missed() } else { estimate.on_kept() }
    }
    assert!((0.1..0.3).contains(&estimate.loss()), "{}", estimate.loss());
    (0..200).for_each(|_| estimate.on_kept());
    assert!(estimate.loss() < 0.01);
}

#[test]
fn a_silent_client_is_found_dead_within_the_time() {
    for rtt in [1, 100, 1_000, 5_000, 20_000, 60_000] {
        let policy = adaptive();
        let (mut prober, heard) = known(&policy, Duration::from_millis(rtt), 50);
        let mut asked = 0;
        let dead = loop {
            let now = prober.next_due(&policy, heard);
            match prober.handle_due(&policy, now, heard) {
                Step::Wait => {}
                Step::Ask { .. } => asked += 1,
                Step::Dead => break now,
            }
        };
        assert_eq!(asked, 2);
        assert!(dead - heard <= secs(300), "rtt {rtt} ms: {:?}", dead - heard);
    }
}

#[test]
fn a_slow_client_is_given_longer_than_a_fast_one() {
    let policy = adaptive();
    let patience = |rtt| {
        let (mut prober, heard) = known(&policy, Duration::from_millis(rtt), 50);
        let asked = prober.next_due(&policy, heard);
        prober.handle_due(&policy, asked, heard);
        let again = prober.next_due(&policy, heard);
        prober.handle_due(&policy, again, heard);
        let times = (again - asked, prober.next_due(&policy, heard) - again);
        assert_eq!(times.1.as_millis(), (times.0 * 2).as_millis(), "twice as long the second time");
        times.0
    };
    assert!(patience(20) < secs(2));
    assert!(patience(2_500) > secs(5));
}

#[test]
fn a_late_answer_counts_for_the_question_it_answers() {
    let policy = adaptive();
    let (mut prober, heard) = known(&policy, Duration::from_millis(50), 50);
    let asked = prober.next_due(&policy, heard);
    let first = number(prober.handle_due(&policy, asked, heard));
    let again = prober.next_due(&policy, heard);
    let second = number(prober.handle_due(&policy, again, heard));
    assert_ne!(first, second);
    let before = prober.rtt().unwrap();
    assert!(prober.handle_answer(&policy, again + Duration::from_millis(10), first));
    assert!(prober.rtt().unwrap() > before, "it took longer than any, and would seem faster if it were the second's");
    assert!(!prober.handle_answer(&policy, again + secs(1), second), "nobody is asked any more");
}

#[test]
fn what_we_send_keeps_the_network_awake_but_proves_no_life() {
    let policy = adaptive();
    let (mut prober, heard) = known(&policy, Duration::from_millis(50), 5);
    let mut now = heard;
    // Something for the client every ten seconds, to which it says nothing.
    while now - heard < secs(250) {
        prober.on_written(now);
        assert_eq!(prober.handle_due(&policy, now, heard), Step::Wait);
        now = now + secs(10);
    }
    let due = prober.next_due(&policy, heard);
    assert!(due - heard <= secs(300), "{:?}", due - heard);
    assert!(matches!(prober.handle_due(&policy, due, heard), Step::Ask { asked: Try::First, .. }));
}

#[test]
fn time_that_leaps_kills_nobody() {
    for policy in [adaptive(), Probe::Fixed(Fixed::default()), Probe::LossAware(LossAware::default())] {
        let (mut prober, heard) = known(&policy, Duration::from_millis(50), 5);
        let asked = prober.next_due(&policy, heard);
        prober.handle_due(&policy, asked, heard);
        let much_later = asked + secs(7_200);
        let number = number(prober.handle_due(&policy, much_later, heard));
        assert!(prober.handle_answer(&policy, much_later + Duration::from_millis(50), number));
    }
}

#[test]
fn the_published_rule_is_what_it_is() {
    let rule = LossAware { min: secs(15), max: secs(120) };
    let policy = Probe::LossAware(rule);
    let (prober, heard) = known(&policy, Duration::from_millis(200), 50);
    assert_eq!(prober.next_due(&policy, heard) - heard, secs(15));
    // Every other probe misses its first time.
    let (mut prober, mut heard) = known(&policy, secs(1), 1);
    for _ in 0..20 {
        let asked = prober.next_due(&policy, heard);
        prober.handle_due(&policy, asked, heard);
        let again = prober.next_due(&policy, heard);
        let number = number(prober.handle_due(&policy, again, heard));
        heard = again + secs(1);
        prober.handle_answer(&policy, heard, number);
    }
    assert_eq!(prober.next_due(&policy, heard) - heard, secs(2), "min(2 · rtt, max)");
}

#[test]
fn an_explorer_whose_silence_is_broken_explores_no_more() {
    let policy = adaptive();
    let networks = Networks::default();
    let network = networks.join(NOON, "192.0.2.0/24".into());
    let mut prober = Prober::new(&policy, Some(network), NOON, 0.0);
    let asked = prober.next_due(&policy, NOON);
    assert_eq!(asked - NOON, secs(15));
    let first = number(prober.handle_due(&policy, asked, NOON));
    assert!(prober.handle_answer(&policy, asked, first));
    let due = prober.next_due(&policy, asked);
    assert_eq!(due - asked, secs(30));
    assert_eq!(prober.handle_due(&policy, due, asked), Step::Wait, "it is the one to explore");
    assert_eq!(prober.next_due(&policy, asked) - asked, secs(60));
    let heard = asked + secs(59);
    assert_eq!(prober.handle_due(&policy, asked + secs(60), heard), Step::Wait);
    assert_eq!(prober.next_due(&policy, heard) - heard, secs(30));
}

#[test]
fn a_prober_is_small() {
    assert!(size_of::<Prober>() <= 48, "{} bytes", size_of::<Prober>());
}
