//! When the pane may ask the engine: never more than a small share of the engine's time.

/// Share of the engine's time that looks may take while it trains or follows the camera.
const SHARE: f64 = 0.06;
/// Between two looks meanwhile; more often than that, nobody can read them.
const LEAST_MS: f64 = 200.0;
/// After this long an unanswered look no longer holds up the next one.
const PATIENCE_MS: f64 = 20_000.0;

/// Looks asked for and answered.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pace {
    pending: Option<f64>,
    /// When the last answer came, and the milliseconds that it took the engine.
    last: Option<(f64, f64)>,
}

impl Pace {
    /// Whether a look may be asked for at `now`; `busy`: the engine trains or follows the camera.
    pub fn may_ask(&self, now: f64, busy: bool) -> bool {
        if self.pending.is_some_and(|since| now - since < PATIENCE_MS) {
            return false;
        }
        match self.last {
            Some((at, ms)) if busy => now - at >= (ms / SHARE - ms).max(LEAST_MS),
            _ => true,
        }
    }

    /// A look was asked for.
    pub fn asked(&mut self, now: f64) {
        self.pending = Some(now);
    }

    /// It was answered, after `ms` milliseconds of the engine's time.
    pub fn answered(&mut self, now: f64, ms: f64) {
        self.pending = None;
        self.last = Some((now, ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds of looks within ten minutes, with an engine that needs `ms` for each.
    fn spent(ms: f64) -> f64 {
        let (mut pace, mut sum) = (Pace::default(), 0.0);
        let mut now = 0.0;
        while now < 600_000.0 {
            if pace.may_ask(now, true) {
                pace.asked(now);
                now += ms;
                pace.answered(now, ms);
                sum += ms;
            }
            now += 1.0;
        }
        sum
    }

    #[test]
    fn looks_cost_less_than_a_tenth_of_training() {
        for ms in [1.0, 5.0, 20.0, 300.0, 3000.0] {
            let share = spent(ms) / 600_000.0;
            assert!(share < 0.1, "{ms} ms a look: {share}");
            assert!(share > 0.0);
        }
    }

    #[test]
    fn one_look_at_a_time_and_at_once_when_the_engine_rests() {
        let mut pace = Pace::default();
        assert!(pace.may_ask(0.0, false));
        pace.asked(0.0);
        assert!(!pace.may_ask(10.0, false));
        assert!(
            pace.may_ask(PATIENCE_MS, false),
            "a lost answer does not end it"
        );
        pace.answered(50.0, 40.0);
        assert!(pace.may_ask(50.0, false));
        assert!(!pace.may_ask(600.0, true));
        assert!(pace.may_ask(700.0, true));
    }
}
