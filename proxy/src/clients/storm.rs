//! Says when clients come much faster than they use to: the rate of a few seconds against one learned over minutes. Pure:
//! fed once a second with how many came, it answers with what began or ended.

use std::time::Duration;

/// How often [`Detector::handle_second`] is to be called.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// Seconds that the present rate is taken over: long enough for a pod's handful of clients not to look like a crowd.
const WINDOW: usize = 5;
/// The usual rate follows the present one by this share each second: what lasts for some minutes becomes usual.
const LEARN: f64 = 1.0 / 300.0;
/// New sessions a second below which nothing is a storm to one process.
const RATE_MIN: f64 = 20.0;
/// A storm begins at so many times the usual rate…
const RISE: f64 = 4.0;
/// …and ends below half of what it would begin at, so that it does not flicker.
const FALL: f64 = 0.5;

/// Watches one route.
#[derive(Clone, Debug, Default)]
pub(super) struct Detector {
    window: [u64; WINDOW],
    seconds: usize,
    usual: f64,
    storm: Option<Storm>,
}

/// A storm that goes on, or went.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Storm {
    /// How long, in seconds.
    pub(super) seconds: u64,
    /// New sessions in that time.
    pub(super) sessions: u64,
    /// The highest rate, a second.
    pub(super) peak: f64,
    /// The rate that was usual before, a second.
    pub(super) usual: f64,
}

/// What a second brought.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Weather {
    /// Nothing new.
    Same,
    /// A storm began.
    Rising(Storm),
    /// It is over.
    Calm(Storm),
}

impl Detector {
    /// So many came in the second that is over.
    pub(super) fn handle_second(&mut self, came: u64) -> Weather {
        self.window[self.seconds % WINDOW] = came;
        self.seconds += 1;
        let in_window: u64 = self.window.iter().sum();
        let rate = in_window as f64 / WINDOW as f64;
        let begin_at = RATE_MIN.max(self.usual * RISE);
        let usual = self.usual;
        self.usual += (rate - self.usual) * LEARN;
        match &mut self.storm {
            // Calm => Storm
            None if rate >= begin_at => {
                let storm = Storm { seconds: 0, sessions: in_window, peak: rate, usual };
                self.storm = Some(storm);
                Weather::Rising(storm)
            }
            // Storm => Calm
            Some(storm) if rate < begin_at * FALL => {
                let storm = *storm;
                self.storm = None;
                Weather::Calm(storm)
            }
            Some(storm) => {
                storm.seconds += 1;
                storm.sessions += came;
                storm.peak = storm.peak.max(rate);
                Weather::Same
            }
            None => Weather::Same,
        }
    }

    /// Whether there is one now.
    pub(super) fn is_stormy(&self) -> bool {
        self.storm.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(detector: &mut Detector, seconds: usize, came: u64) -> Vec<Weather> {
        let weather = (0..seconds).map(|_| detector.handle_second(came));
        weather.filter(|weather| *weather != Weather::Same).collect()
    }

    #[test]
    fn a_crowd_that_comes_back_is_one_storm_with_a_beginning_and_an_end() {
        let mut detector = Detector::default();
        assert_eq!(feed(&mut detector, 600, 2), []);
        let [Weather::Rising(began)] = feed(&mut detector, 20, 500)[..] else { panic!("one beginning") };
        assert!((1.0..3.0).contains(&began.usual), "{began:?}");
        assert!(detector.is_stormy());
        let [Weather::Calm(storm)] = feed(&mut detector, 60, 2)[..] else { panic!("one end") };
        assert!(storm.peak == 500.0 && storm.sessions >= 20 * 500 && storm.seconds >= 15, "{storm:?}");
    }

    #[test]
    fn a_handful_is_no_storm_however_quiet_it_was() {
        let mut detector = Detector::default();
        feed(&mut detector, 3600, 0);
        assert_eq!(feed(&mut detector, 30, 19), []);
        feed(&mut detector, 60, 0);
        assert_eq!(feed(&mut detector, 1, 90), []);
    }

    #[test]
    fn a_busy_route_is_measured_by_what_is_usual_to_it() {
        let mut detector = Detector::default();
        feed(&mut detector, 3600, 100);
        assert!(!detector.is_stormy(), "what lasts is usual");
        assert_eq!(feed(&mut detector, 60, 200), []);
        assert_eq!(feed(&mut detector, 10, 1000).len(), 1);
    }

    #[test]
    fn a_rate_about_the_threshold_does_not_flicker() {
        let mut detector = Detector::default();
        feed(&mut detector, 600, 1);
        let changes: Vec<_> = (0..60).flat_map(|_| [feed(&mut detector, 5, 24), feed(&mut detector, 5, 16)]).collect();
        assert!(changes.concat().len() <= 2, "{changes:?}");
    }

    #[test]
    fn what_lasts_becomes_usual() {
        let mut detector = Detector::default();
        assert!(matches!(feed(&mut detector, 600, 300)[..], [Weather::Rising(_), Weather::Calm(_)]));
    }
}
