//! What the charts draw: which columns, how, and as uPlot takes them.

use super::history::{Column, History};
use super::runs::KeptRun;
use serde_json::{Value, json};

/// How a column is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Averaged, a firm line.
    Smooth,
    /// As measured, a firm line.
    Plain,
    /// As measured, a faint line behind the others.
    Faint,
    /// Single measurements: rings joined by a thin line.
    Rings,
}

/// A line of a chart.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// Its figures.
    pub column: Column,
    how: How,
}

/// A chart.
#[derive(Debug)]
pub struct Chart {
    /// Its element.
    pub id: &'static str,
    /// In CSS pixels.
    pub height: u32,
    /// Factor from a column to what is drawn.
    pub scale: f64,
    /// Whether that is a percentage.
    percent: bool,
    /// This run's lines, the last one on top.
    pub lines: &'static [Line],
    /// Lines of earlier runs, below them.
    pub earlier: &'static [Line],
}

const HEIGHT: u32 = 210;
const LOW: u32 = 150;

const fn line(column: Column, how: How) -> Line {
    Line { column, how }
}

/// Every chart.
pub const CHARTS: [Chart; 4] = [
    Chart {
        id: "loss-chart",
        height: HEIGHT,
        scale: 1.0,
        percent: false,
        lines: &[
            line(Column::SpikingLoss, How::Faint),
            line(Column::DenseLoss, How::Faint),
            line(Column::DenseLoss, How::Smooth),
            line(Column::SpikingLoss, How::Smooth),
        ],
        earlier: &[line(Column::SpikingLoss, How::Smooth)],
    },
    Chart {
        id: "accuracy-chart",
        height: HEIGHT,
        scale: 100.0,
        percent: true,
        lines: &[
            line(Column::DenseAccuracy, How::Smooth),
            line(Column::SpikingAccuracy, How::Smooth),
            line(Column::DenseHeldOut, How::Rings),
            line(Column::SpikingHeldOut, How::Rings),
        ],
        earlier: &[
            line(Column::SpikingAccuracy, How::Smooth),
            line(Column::SpikingHeldOut, How::Rings),
        ],
    },
    Chart {
        id: "rate-chart",
        height: LOW,
        scale: 100.0,
        percent: true,
        lines: &[line(Column::FiringRate, How::Smooth)],
        earlier: &[line(Column::FiringRate, How::Smooth)],
    },
    Chart {
        id: "energy-chart",
        height: LOW,
        // Picojoules to microjoules.
        scale: 1e-6,
        percent: false,
        lines: &[
            line(Column::DenseEnergy, How::Plain),
            line(Column::SpikingEnergy, How::Plain),
            line(Column::HeldOutEnergy, How::Rings),
        ],
        earlier: &[line(Column::SpikingEnergy, How::Plain)],
    },
];

/// Dashes of earlier runs, by [`KeptRun::slot`]: a dense twin's line is dashed `[6, 4]`.
pub const DASHES: [&[u32]; super::runs::KEPT] = [
    &[2, 3],
    &[10, 3],
    &[10, 3, 2, 3],
    &[4, 2],
    &[14, 4, 4, 4],
    &[1, 4],
];

impl Line {
    /// The figures of a run.
    pub fn values(&self, history: &History) -> Vec<Option<f64>> {
        match self.how {
            How::Smooth => history.smoothed(self.column),
            How::Plain | How::Faint | How::Rings => history.column(self.column),
        }
    }

    fn is_dense(self) -> bool {
        matches!(
            self.column,
            Column::DenseLoss | Column::DenseAccuracy | Column::DenseHeldOut | Column::DenseEnergy
        )
    }

    fn options(self, stroke: &str, surface: &str, dash: Option<&[u32]>, thin: bool) -> Value {
        let rings = self.how == How::Rings;
        let width = match self.how {
            How::Smooth | How::Plain if !thin => 2.0,
            _ if thin => 1.5,
            _ => 1.0,
        };
        json!({
            "label": format!("{:?}", self.column),
            "stroke": stroke,
            "width": width,
            "alpha": if self.how == How::Faint { 0.22 } else { 1.0 },
            "spanGaps": true,
            "dash": dash.unwrap_or(&[]),
            "points": {
                "show": rings,
                "size": if thin { 6 } else { 9 },
                "width": if thin { 1 } else { 2 },
                "stroke": stroke,
                "fill": surface,
            },
        })
    }
}

/// uPlot's options of a chart. `property` gives a colour of the style sheet.
pub fn options(
    chart: &Chart,
    width: i32,
    earlier: &[&KeptRun],
    property: impl Fn(&str) -> String,
) -> Value {
    let surface = property("--surface");
    let axis = |size: u32| {
        json!({
            "stroke": property("--muted"),
            "font": "12px system-ui, sans-serif",
            "grid": { "stroke": property("--line"), "width": 1 },
            "ticks": { "show": false },
            "gap": 6,
            "size": size,
        })
    };
    let mut series = vec![json!({ "label": "step" })];
    for run in earlier {
        let stroke = property(&format!("--run-{}", run.slot));
        let dash = Some(DASHES[run.slot % DASHES.len()]);
        for line in chart.earlier {
            series.push(line.options(&stroke, &surface, dash, true));
        }
    }
    for line in chart.lines {
        let dense = line.is_dense();
        let stroke = property(if dense { "--dense" } else { "--spiking" });
        let dash: Option<&[u32]> = (dense && line.how != How::Faint).then_some(&[6, 4]);
        series.push(line.options(&stroke, &surface, dash, false));
    }
    // Shares from nought to at least ten per cent, energies from nought.
    let most = if chart.percent {
        json!({ "pad": 0.1, "soft": 10, "hard": 100, "mode": 1 })
    } else {
        json!({ "pad": 0.1 })
    };
    let range = json!({ "min": { "pad": 0, "soft": 0, "hard": 0, "mode": 1 }, "max": most });
    let vertical = if chart.scale == 1.0 {
        json!({})
    } else {
        json!({ "range": range })
    };
    json!({
        "width": width,
        "height": chart.height,
        "legend": { "show": false },
        "cursor": { "show": false },
        "padding": [10, 12, 0, 0],
        "scales": { "x": { "time": false }, "y": vertical },
        "axes": [axis(28), axis(46)],
        "series": series,
    })
}

/// A line's points: step and figure.
pub type Points = Vec<(u64, f64)>;

/// Every line of a chart as points, in the order of [`options`], and the steps of all of them together.
pub fn points(chart: &Chart, history: &History, earlier: &[&KeptRun]) -> (Vec<u64>, Vec<Points>) {
    let mut lines = Vec::new();
    let mut add = |line: &Line, history: &History| {
        let steps = history.rows().iter().map(|row| row.step);
        let values = steps.zip(line.values(history));
        lines.push(
            values
                .filter_map(|(step, value)| Some((step, value? * chart.scale)))
                .collect::<Points>(),
        );
    };
    for run in earlier {
        chart.earlier.iter().for_each(|line| add(line, &run.curve));
    }
    chart.lines.iter().for_each(|line| add(line, history));
    let mut steps: Vec<u64> = lines.iter().flatten().map(|(step, _)| *step).collect();
    steps.sort_unstable();
    steps.dedup();
    (steps, lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::history::Row;
    use crate::ui::runs::Runs;
    use crate::ui::settings::Settings;

    fn losses(steps: &[u64]) -> History {
        let mut history = History::default();
        for step in steps {
            history.push(Row::new(*step).with(Column::SpikingLoss, Some(2.0)));
        }
        history
    }

    #[test]
    fn runs_with_other_steps_share_one_axis() {
        let mut runs = Runs::default();
        runs.keep(Settings::default(), "fresh", &losses(&[1, 3, 9]));
        let kept: Vec<&KeptRun> = runs.shown().collect();
        let (steps, lines) = points(&CHARTS[0], &losses(&[2, 3]), &kept);
        assert_eq!(steps, [1, 2, 3, 9]);
        assert_eq!(lines.len(), CHARTS[0].lines.len() + CHARTS[0].earlier.len());
        let at = |line: &Points| line.iter().map(|(step, _)| *step).collect::<Vec<_>>();
        assert_eq!(at(&lines[0]), [1, 3, 9], "the earlier run lies below");
        assert_eq!(at(lines.last().unwrap()), [2, 3]);
        let options = options(&CHARTS[0], 400, &kept, str::to_owned);
        let series = options["series"].as_array().unwrap();
        assert_eq!(
            series.len(),
            1 + lines.len(),
            "one series per line, and the steps"
        );
        assert_eq!(series[1]["stroke"], "--run-0");
    }

    #[test]
    fn energy_is_drawn_in_microjoules() {
        let mut history = History::default();
        history.push(Row::new(1).with(Column::SpikingEnergy, Some(3e6)));
        let (_, lines) = points(&CHARTS[3], &history, &[]);
        assert_eq!(lines[1], [(1, 3.0)]);
    }
}
