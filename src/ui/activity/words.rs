//! The pane's sentences.

use super::raster::{fires, weight};
use crate::energy::{Activity, LayerActivity};
use crate::protocol::{Inspection, LayerSample};
use crate::ui::format::{figure, grouped, percent};
use crate::ui::meter::readable;

/// Spikes of a layer, all steps.
pub fn spikes(layer: &LayerActivity) -> f64 {
    layer.spikes.iter().sum()
}

/// Spikes per neuron at one step.
pub fn rate(layer: &LayerActivity, step: usize) -> f64 {
    let fired = layer.spikes.get(step).copied().unwrap_or(0.0);
    fired / layer.sites.max(1.0)
}

/// All spikes and the neurons that stayed silent or fired at every step.
pub fn totals(activity: &Activity) -> [f64; 4] {
    activity.layers.iter().fold([0.0; 4], |sums, layer| {
        [
            sums[0] + spikes(layer),
            sums[1] + layer.dead as f64,
            sums[2] + layer.saturated as f64,
            sums[3] + layer.neurons as f64,
        ]
    })
}

/// A count of a layer's neurons with its share.
pub fn of_neurons(count: u64, neurons: u64) -> String {
    match neurons {
        0 => "–".to_owned(),
        _ => format!(
            "{} ({})",
            grouped(count as f64),
            percent(count as f64 / neurons as f64)
        ),
    }
}

/// The raster in words.
pub fn raster(name: &str, sample: &LayerSample, steps: usize) -> String {
    let by_step: Vec<String> = (0..steps)
        .map(|step| {
            let fired = sample.spikes.iter().filter(|spikes| fires(**spikes, step));
            format!("{} at step {}", fired.count(), step + 1)
        })
        .collect();
    format!(
        "Spikes of {} neurons of {}: {}",
        sample.neurons.len(),
        readable(name),
        by_step.join(", ")
    )
}

/// One neuron in words.
pub fn neuron(sample: &LayerSample, at: usize, steps: usize) -> String {
    let fired: Vec<String> = (0..steps)
        .filter(|step| fires(sample.spikes[at], *step))
        .map(|step| (step + 1).to_string())
        .collect();
    let fired = match fired.len() {
        0 => "silent".to_owned(),
        1 => format!("fires at step {}", fired[0]),
        _ => format!("fires at steps {}", fired.join(", ")),
    };
    format!("Neuron {}: {fired}", grouped(f64::from(sample.neurons[at])))
}

/// What the membrane drawing shows, in one sentence.
pub fn membrane(inspection: &Inspection, sample: &LayerSample, hard_reset: bool) -> String {
    if inspection.bits > 0 {
        return "The line is what is left of the neuron’s potential (with θ/2 added, so that it rounds); where it \
                reaches a step’s threshold (dashes, θ·2^(K−k)) the neuron fires (dot) and that much is taken away. \
                ExpG-IF is our reconstruction."
            .to_owned();
    }
    let reset = if hard_reset {
        "starts again from zero"
    } else {
        "is lowered by the threshold"
    };
    let steps = sample.thresholds.len();
    let group = if sample.group < steps {
        format!(" Every {} steps it begins anew.", sample.group)
    } else {
        String::new()
    };
    format!(
        "The line is the membrane as its input charges it; where it reaches the threshold (dashes) the neuron fires \
         (dot), and the membrane {reset}.{group}"
    )
}

/// A row per step: its number, weight, membrane, threshold, spike, membrane after.
pub fn steps(inspection: &Inspection, sample: &LayerSample, at: usize) -> Vec<[String; 6]> {
    let number = |values: &[Vec<f32>], step: usize| {
        let value = values.get(at).and_then(|values| values.get(step));
        value.map_or("–".to_owned(), |value| figure(f64::from(*value)))
    };
    (0..sample.thresholds.len())
        .map(|step| {
            let spike = if fires(sample.spikes[at], step) {
                "fires"
            } else {
                "–"
            };
            [
                (step + 1).to_string(),
                weight(inspection.bits, step).to_string(),
                number(&sample.before, step),
                figure(f64::from(sample.thresholds[step])),
                spike.to_owned(),
                number(&sample.after, step),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> LayerSample {
        LayerSample {
            neurons: vec![7, 4711],
            spikes: vec![0, 0b101],
            thresholds: vec![1.0; 3],
            group: 3,
            before: vec![vec![0.1, 0.2, 0.3], vec![1.5, 0.5, 2.0]],
            after: vec![vec![0.1, 0.2, 0.3], vec![0.0, 0.5, 0.0]],
        }
    }

    #[test]
    fn a_layer_that_fires_once_in_four_steps_fires_in_that_one() {
        let layer = LayerActivity {
            spikes: vec![0.0, 10.0, 0.0, 0.0],
            sites: 10.0,
            ..LayerActivity::default()
        };
        assert_eq!(
            [0, 1, 2, 3, 4].map(|step| rate(&layer, step)),
            [0.0, 1.0, 0.0, 0.0, 0.0]
        );
        assert_eq!(rate(&LayerActivity::default(), 0), 0.0);
        assert_eq!(spikes(&layer), 10.0);
    }

    #[test]
    fn neurons_and_rasters_are_said() {
        let sample = sample();
        assert_eq!(neuron(&sample, 0, 3), "Neuron 7: silent");
        assert_eq!(neuron(&sample, 1, 3), "Neuron 4711: fires at steps 1, 3");
        assert_eq!(
            raster("block.0.mlp.1", &sample, 3),
            "Spikes of 2 neurons of Block 1, MLP 2: 1 at step 1, 0 at step 2, 1 at step 3"
        );
        let rows = steps(&Inspection::default(), &sample, 1);
        assert_eq!(rows[2], ["3", "1", "2.00", "1.00", "fires", "0"]);
        assert_eq!(rows[1][4], "–");
    }

    #[test]
    fn a_neuron_without_numbers_has_dashes() {
        let sample = LayerSample {
            before: vec![vec![], vec![]],
            after: vec![],
            ..sample()
        };
        let rows = steps(&Inspection::default(), &sample, 0);
        assert_eq!((rows[0][2].as_str(), rows[0][5].as_str()), ("–", "–"));
    }
}
