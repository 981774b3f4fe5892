//! How the network on events ([`EventNet`]) compares with its training form, picture by picture, and where
//! they part if they do.

use super::eval::argmax;
use super::numbers;
use super::session::Session;
use crate::config::ModelConfig;
use crate::data::Batch;
use crate::model::Network;
use crate::model::event::{EventNet, EventOutput};
use crate::model::fold::{NotConvertible, eight_bit};
use crate::model::trace::{Code, Trace};
use burn::module::Module;
use burn::tensor::ExecutionError;
use std::fmt;

/// Largest difference of two logits over the largest logit, below which two answers count as equal.
pub const TOLERANCE: f64 = 1e-4;

/// The comparison so far.
pub struct Conversion {
    net: EventNet,
    /// Pictures compared.
    pub images: usize,
    /// Pictures whose logits agree to the last bit.
    pub identical: usize,
    /// Pictures whose logits agree to [`TOLERANCE`].
    pub close: usize,
    /// Pictures with the same top class.
    pub same_top: usize,
    /// Largest relative difference.
    pub worst: f64,
    /// Spikes emitted.
    pub spikes: u64,
    /// Where each picture that is not close first differed.
    pub departures: Vec<Departure>,
}

/// The first layer in which one picture's spikes differ between the two forms.
#[derive(Debug, Clone, PartialEq)]
pub struct Departure {
    /// Picture, by order of comparison.
    pub image: usize,
    /// Whether the top class differs.
    pub top_differs: bool,
    /// The layer; `logits` if no spike differs.
    pub layer: String,
    /// Neurons of it that differ.
    pub neurons: usize,
    /// Largest distance of those neurons' potentials from the border between two codes, in units of theta. Behind
    /// attention, whose trains q, k and v a trace keeps by window: the smallest distance among these.
    pub margin: f32,
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "picture {}{}: first differs in {}, {} neurons, {:.1e} theta from a border",
            self.image,
            if self.top_differs {
                " (other class)"
            } else {
                ""
            },
            self.layer,
            self.neurons,
            self.margin
        )
    }
}

/// Pictures that first differ in one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerDepartures {
    /// The layer.
    pub layer: String,
    /// Pictures.
    pub images: usize,
    /// Those of them with another top class.
    pub other_top: usize,
    /// Those of them in which a single neuron of the layer differs.
    pub single: usize,
    /// Median and largest distance from the border between two codes, in units of theta.
    pub margin: [f32; 2],
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum ConversionError {
    /// The network has no event form.
    #[error(transparent)]
    Network(#[from] NotConvertible),
    /// The device failed.
    #[error("the device failed: {0:?}")]
    Device(ExecutionError),
}

impl From<ExecutionError> for ConversionError {
    fn from(error: ExecutionError) -> Self {
        Self::Device(error)
    }
}

impl Session {
    /// The same run with 8-bit weights ([`eight_bit`]), still in its training form.
    ///
    /// # Errors
    /// A network whose norms do not fold, or a device that fails.
    pub async fn with_eight_bit_weights(self) -> Result<Self, ConversionError> {
        let mut member = self.save("spiking").await?;
        member.weights = eight_bit(&member.weights)?;
        self.with_weights(&member)
            .map_err(|misfit| NotConvertible(misfit.to_string()).into())
    }
}

impl Conversion {
    /// Converts the network of a session.
    ///
    /// # Errors
    /// A network without event form, or a device that fails.
    pub async fn of(session: &Session) -> Result<Self, ConversionError> {
        let member = session.save("spiking").await?;
        let ModelConfig::Ge2msT(config) = &member.config.model else {
            return Err(NotConvertible("it is dense".into()).into());
        };
        Ok(Self {
            net: EventNet::new(config, &member.weights)?,
            images: 0,
            identical: 0,
            close: 0,
            same_top: 0,
            worst: 0.0,
            spikes: 0,
            departures: Vec::new(),
        })
    }

    /// Runs a batch through both forms of `session`'s network; how many pictures the events classify rightly.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn add(
        &mut self,
        session: &Session,
        batch: &Batch,
    ) -> Result<usize, ConversionError> {
        let Network::Spiking(network) = session.network().valid() else {
            return Err(NotConvertible("it is dense".into()).into());
        };
        let encoded = numbers(network.encode(session.pictures(batch)).reshape([-1])).await?;
        let (logits, trace) = session.infer(batch).await?;
        let pictures = encoded.chunks_exact(self.net.input_len());
        let mut trains = None;
        let mut right = 0;
        for (index, (encoded, trained)) in pictures.zip(&logits).enumerate() {
            let output = self.net.forward(encoded);
            let difference = relative(trained, &output.logits);
            let top_differs = argmax(trained) != argmax(&output.logits);
            right += usize::from(argmax(&output.logits) == usize::from(batch.labels[index]));
            self.identical += usize::from(trained == &output.logits);
            self.same_top += usize::from(!top_differs);
            self.worst = self.worst.max(difference);
            let spikes = output
                .layers
                .iter()
                .map(|layer| layer.spikes.count() as u64);
            self.spikes += spikes.sum::<u64>();
            if difference <= TOLERANCE && !top_differs {
                self.close += 1;
            } else {
                if trains.is_none() {
                    trains = Some(codes(&trace).await?);
                }
                let trains = trains.as_deref().unwrap_or_default();
                let departure = departure(trains, &output, index, logits.len());
                self.departures.push(Departure {
                    image: self.images,
                    top_differs,
                    ..departure
                });
            }
            self.images += 1;
        }
        Ok(right)
    }
}

impl Conversion {
    /// The departures layer by layer, in the order in which the layers first appear.
    pub fn by_layer(&self) -> Vec<LayerDepartures> {
        let mut layers: Vec<&str> = Vec::new();
        for departure in &self.departures {
            if !layers.contains(&departure.layer.as_str()) {
                layers.push(&departure.layer);
            }
        }
        let of = |layer: &&str| {
            let here = self.departures.iter().filter(|here| here.layer == **layer);
            let mut margins: Vec<f32> = here.clone().map(|here| here.margin).collect();
            margins.sort_by(f32::total_cmp);
            LayerDepartures {
                layer: (*layer).to_owned(),
                images: margins.len(),
                other_top: here.clone().filter(|here| here.top_differs).count(),
                single: here.filter(|here| here.neurons == 1).count(),
                margin: [margins[margins.len() / 2], margins[margins.len() - 1]],
            }
        };
        layers.iter().map(of).collect()
    }
}

fn relative(a: &[f32], b: &[f32]) -> f64 {
    let size = a
        .iter()
        .fold(f32::MIN_POSITIVE, |most, a| most.max(a.abs()));
    let differences = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs()));
    differences.fold(0.0, f64::max) / f64::from(size)
}

/// Names and codes of a batch's traced layers, `[B, F]`.
async fn codes(trace: &Trace) -> Result<Vec<(String, Vec<u32>)>, ExecutionError> {
    let mut all = Vec::new();
    for site in trace.sites() {
        let Code::Weighted { theta, .. } = &site.code else {
            continue;
        };
        let theta = numbers(theta.clone()).await?[0];
        let y = numbers(trace.spikes(&site.spikes).reshape([-1])).await?;
        let codes = y.iter().map(|y| (y / theta).round() as u32).collect();
        all.push((site.name.clone(), codes));
    }
    Ok(all)
}

/// The first traced layer in which picture `index` of `batch` differs.
fn departure(
    trains: &[(String, Vec<u32>)],
    output: &EventOutput,
    index: usize,
    batch: usize,
) -> Departure {
    for (name, codes) in trains {
        let position = output.layers.iter().position(|layer| layer.name == *name);
        let Some(position) = position else { continue };
        let layer = &output.layers[position];
        let features = codes.len() / batch;
        let trained = &codes[index * features..][..features];
        let ours = layer.spikes.codes();
        // A trace keeps maps channel by channel, `[C, S, S]`; tokens are `[N, C]` in both.
        let positions = if name.starts_with("stem") {
            layer.positions
        } else {
            1
        };
        let channels = features / positions;
        let place = |neuron: usize| neuron % channels * positions + neuron / channels;
        let differing: Vec<usize> = (0..features)
            .filter(|&neuron| trained[place(neuron)] != ours[neuron])
            .collect();
        if differing.is_empty() {
            continue;
        }
        let margins = differing.iter().map(|&neuron| layer.margin(neuron));
        let mut margin = margins.fold(0.0, f32::max);
        if name.ends_with(".out") && margin > 1e-3 {
            let train = &output.layers[position - 1];
            let margins = (0..train.potentials.len()).map(|neuron| train.margin(neuron));
            margin = margins.fold(0.5, f32::min);
        }
        return Departure {
            image: 0,
            top_differs: false,
            layer: name.clone(),
            neurons: differing.len(),
            margin,
        };
    }
    Departure {
        image: 0,
        top_differs: false,
        layer: "logits".into(),
        neurons: 0,
        margin: 0.0,
    }
}
