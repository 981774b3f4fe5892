//! BatchNorm folded into the weights for inference, and weights rounded to 8-bit integers. Host code.
//!
//! With `s = gamma / sqrt(var + epsilon)`, one per output channel,
//!
//! ```text
//! s (W x - mean) + beta  =  (s W) x + (beta - s mean)
//! ```
//!
//! (Ioffe & Szegedy 2015, §3.1; Jacob et al. 2018 for the integers.) A spike of the layer in front stands
//! for theta times a power of two, so theta is multiplied into the weights as well, and what is left of a
//! synapse is one number that a spike adds.

use crate::train::params::NamedTensors;
use std::fmt;

/// epsilon of every BatchNorm of this crate (burn's default).
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// Why weights cannot be folded or a network not run on events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotConvertible(pub String);

impl fmt::Display for NotConvertible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the network cannot run on events: {}", self.0)
    }
}

impl std::error::Error for NotConvertible {}

/// A tensor by name: shape and values.
pub(super) fn tensor<'a>(
    tensors: &'a NamedTensors,
    name: &str,
) -> Result<(&'a [usize], &'a [f32]), NotConvertible> {
    tensors
        .get(name)
        .map(|(shape, values)| (shape.as_slice(), values.as_slice()))
        .ok_or_else(|| NotConvertible(format!("{name} is missing")))
}

/// Scale and shift of each channel of the BatchNorm at `path`, as f64: they are rounded once, with the weights.
pub fn scale_and_shift(
    tensors: &NamedTensors,
    path: &str,
) -> Result<(Vec<f64>, Vec<f64>), NotConvertible> {
    let part = |name: &str| {
        let (_, values) = tensor(tensors, &format!("{path}.Batch.{name}"))?;
        Ok::<_, NotConvertible>(values.iter().map(|&value| f64::from(value)))
    };
    let scale: Vec<f64> = part("gamma")?
        .zip(part("running_var")?)
        .map(|(gamma, var)| gamma / (var + BATCH_NORM_EPSILON).sqrt())
        .collect();
    let shift = part("beta")?
        .zip(part("running_mean")?)
        .zip(&scale)
        .map(|((beta, mean), scale)| beta - mean * scale)
        .collect();
    Ok((scale, shift))
}

/// Scale and shift of the BatchNorm at `path` as inference in the training form has them, rounded to `f32` in the
/// same operations ([`crate::kernels::batch_norm_layer`]).
pub(super) fn rounded_scale_and_shift(
    tensors: &NamedTensors,
    path: &str,
) -> Result<(Vec<f64>, Vec<f64>), NotConvertible> {
    let part = |name: &str| Ok(tensor(tensors, &format!("{path}.Batch.{name}"))?.1);
    let (gamma, var) = (part("gamma")?, part("running_var")?);
    let (beta, mean) = (part("beta")?, part("running_mean")?);
    let scale = gamma.iter().zip(var);
    let scale: Vec<f32> = scale
        .map(|(gamma, var)| gamma / (var + BATCH_NORM_EPSILON as f32).sqrt())
        .collect();
    let shift = beta.iter().zip(mean).zip(&scale);
    let shift = shift.map(|((beta, mean), scale)| f64::from(beta - mean * scale));
    let shift = shift.collect();
    Ok((scale.into_iter().map(f64::from).collect(), shift))
}

/// Index of a weight to its output channel.
type ChannelOf = Box<dyn Fn(usize) -> usize>;

/// Path of the norm behind the weight `name`, and which output channel a weight belongs to; `None` for
/// what has no BatchNorm behind it.
fn norm_of(name: &str, shape: &[usize]) -> Option<(String, ChannelOf)> {
    let shape = shape.to_vec();
    if let Some(layer) = name.strip_suffix(".conv.weight") {
        // [C_out, C_in/g, k, k].
        let per_output: usize = shape.iter().skip(1).product();
        let channel = move |index: usize| index / per_output;
        return Some((format!("{layer}.norm"), Box::new(channel)));
    }
    let layer = name.strip_suffix(".weight")?;
    let [groups, c_in, c_out] = shape[..] else {
        return None;
    };
    // [g, C_in/g, C_out/g]; outputs of the groups are interleaved.
    let channel = move |index: usize| index % c_out * groups + index / (c_in * c_out);
    Some((format!("{layer}.norm"), Box::new(channel)))
}

/// Powers of two and short mantissas are what makes sums exact.
fn round_to_bits(value: f64, bits: i32) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let unit = (value.abs().log2().floor() - f64::from(bits - 1)).exp2();
    (value / unit).round() * unit
}

/// The 8-bit option: the same network, still in its training form, whose weights behind the first
/// convolution are integers from -127 to 127 times a power of two for each output channel, BatchNorm being
/// folded into them. Thresholds keep three significant bits (one where products of three activations are
/// summed or pictures are averaged), so that every sum of a forward pass is exact in `f32`, whatever its order.
///
/// # Errors
/// A tensor that is missing (LayerNorm has no running statistics to fold).
pub fn eight_bit(tensors: &NamedTensors) -> Result<NamedTensors, NotConvertible> {
    let mut rounded = tensors.clone();
    let mut put = |name: &str, value: Vec<f32>| {
        if let Some((_, values)) = rounded.get_mut(name) {
            *values = value;
        }
    };
    for (name, (shape, values)) in tensors {
        if let Some(neuron) = name.strip_suffix(".theta") {
            let bits = if neuron.ends_with(".attention.neuron") || neuron.ends_with(".last") {
                1
            } else {
                3
            };
            let short = |&theta: &f32| round_to_bits(f64::from(theta), bits) as f32;
            put(name, values.iter().map(short).collect());
        }
        // The first convolution multiplies pixels and stays as it was trained.
        if name.contains(".stem.stages.0.conv.") {
            continue;
        }
        if name.ends_with(".head.weight") {
            let largest = values.iter().fold(0.0f32, |most, w| most.max(w.abs()));
            let unit = unit_of(f64::from(largest));
            put(name, integers(values, |_| (1.0, unit)));
        } else if name.ends_with(".head.bias") {
            // A multiple of 2^-20 adds to the head's sums without a rounding.
            let short =
                |&bias: &f32| ((f64::from(bias) * 1_048_576.0).round() / 1_048_576.0) as f32;
            put(name, values.iter().map(short).collect());
        } else if let Some((norm, channel)) = norm_of(name, shape) {
            let (scale, shift) = scale_and_shift(tensors, &norm)?;
            let mut largest = vec![0.0f64; scale.len()];
            for (index, &weight) in values.iter().enumerate() {
                let c = channel(index);
                largest[c] = largest[c].max((f64::from(weight) * scale[c]).abs());
            }
            let unit: Vec<f64> = largest.iter().map(|&largest| unit_of(largest)).collect();
            let grid = |index: usize| (scale[channel(index)], unit[channel(index)]);
            put(name, integers(values, grid));
            let count = scale.len();
            let field = |part: &str| format!("{norm}.Batch.{part}");
            put(&field("gamma"), vec![1.0; count]);
            put(
                &field("beta"),
                shift.iter().map(|&shift| shift as f32).collect(),
            );
            put(&field("running_mean"), vec![0.0; count]);
            // var + epsilon is 1 in f32, so that the norm multiplies by 1.
            put(
                &field("running_var"),
                vec![(1.0 - BATCH_NORM_EPSILON) as f32; count],
            );
        }
    }
    Ok(rounded)
}

/// The power of two of which `largest` is at most 127.
fn unit_of(largest: f64) -> f64 {
    if largest > 0.0 {
        (largest / 127.0).log2().ceil().exp2()
    } else {
        1.0
    }
}

/// `round(scale w / unit) unit`, by index.
fn integers(values: &[f32], grid: impl Fn(usize) -> (f64, f64)) -> Vec<f32> {
    let round = |(index, &weight): (usize, &f32)| {
        let (scale, unit) = grid(index);
        ((f64::from(weight) * scale / unit).round() * unit) as f32
    };
    values.iter().enumerate().map(round).collect()
}
