//! Two training steps and a forward pass of the small networks: the same work natively, in a browser
//! on the CPU path and on WebGPU. `tests/browser/native.json` holds the native figures.

use burn::tensor::Device;
use gemst::config::{DatasetKind, preset};
use gemst::data::batch::{eval_batch, train_batch};
use gemst::data::synthetic;
use gemst::train::Session;
use serde::{Deserialize, Serialize};

/// The networks compared: LIF through time, exponential coding, the dense twin.
pub const PRESETS: [&str; 3] = ["tiny", "tiny-exp", "dense-tiny"];

/// Pictures in the forward pass and in each training batch; WebGPU may run on a processor.
const IMAGES: usize = 4;

/// What a network says and how it learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Preset.
    pub preset: String,
    /// Losses of two training steps from seed 0; the second sees what the first one changed.
    pub losses: [f64; 2],
    /// Mean firing rate of the second step; none for a dense network.
    pub firing_rate: Option<f64>,
    /// Of the fresh network on four held-out pictures, one row each: Adam's first steps turn a gradient's sign, the
    /// sign of a rounding error too, into a full step.
    pub logits: Vec<Vec<f32>>,
}

/// Does the work on a device.
pub async fn figures(name: &str, device: &Device) -> Figures {
    let config = preset(name, DatasetKind::Synthetic).expect("a listed preset");
    let data = synthetic::generate(0, 2 * IMAGES, IMAGES);
    let mut session = Session::new(config.clone(), device).expect("presets are valid");
    let (logits, _) = session
        .infer(&eval_batch(&data.held_out, 0..IMAGES))
        .await
        .expect("the device reads back");
    let mut losses = [f64::NAN; 2];
    let mut firing_rate = None;
    for (step, loss) in losses.iter_mut().enumerate() {
        let images: Vec<usize> = (step * IMAGES..(step + 1) * IMAGES).collect();
        let batch = train_batch(
            &data.train,
            &images,
            &config.train.augment,
            config.train.mixup,
            config.seed,
            step as u64,
        );
        let stats = session.step_counting(&batch);
        *loss = stats.read().await.expect("the device reads back").loss;
        firing_rate = stats.firing_rate().await.expect("the device reads back");
    }
    Figures {
        preset: name.to_owned(),
        losses,
        firing_rate,
        logits,
    }
}

/// The native figures in the repository.
pub fn native() -> Vec<Figures> {
    serde_json::from_str(include_str!("../browser/native.json"))
        .expect("tests/browser/native.json is what `figures` wrote")
}

/// The largest difference of two sets of figures.
///
/// Sums run in another order on every device, and a membrane that lands on the other side of its
/// threshold flips a spike. In a loss over a batch a flip is small; in a single logit of a spiking network
/// it is not, so logits are compared for the dense network alone.
pub fn difference(a: &Figures, b: &Figures) -> f64 {
    let logits = a.logits.iter().flatten().zip(b.logits.iter().flatten());
    let dense = a.firing_rate.is_none();
    let logits = logits
        .filter(|_| dense)
        .map(|(a, b)| f64::from((a - b).abs()));
    let losses = a.losses.iter().zip(&b.losses).map(|(a, b)| (a - b).abs());
    let rates = a.firing_rate.zip(b.firing_rate);
    let rates = rates.map(|(a, b)| (a - b).abs());
    assert_eq!(a.firing_rate.is_some(), b.firing_rate.is_some());
    assert_eq!(a.logits.len(), b.logits.len());
    // NaN must not disappear, as it would in f64::max.
    logits.chain(losses).chain(rates).fold(0.0, |most, next| {
        if most.is_nan() || next <= most {
            most
        } else {
            next
        }
    })
}
