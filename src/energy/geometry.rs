//! Sizes and closed-form operation counts of one synaptic layer.

use super::counts::{LayerOp, LayerSpec, Signal};

impl LayerOp {
    /// Multiply-accumulates of one dense pass over one time step of one picture, padding excluded:
    /// what every input being non-zero would cause.
    pub fn macs(&self) -> u64 {
        match *self {
            Self::Conv {
                c_in,
                c_out,
                groups,
                ..
            } => self.taps().pow(2) * (c_in / groups) as u64 * c_out as u64,
            Self::Linear {
                rows,
                c_in,
                c_out,
                groups,
            } => rows as u64 * (c_in / groups) as u64 * c_out as u64,
            Self::Product { pairs, length, .. } => pairs * length as u64,
        }
    }

    /// The literature's "FLOPs" (multiply-accumulates with padding counted as input).
    pub fn nominal_macs(&self) -> u64 {
        match *self {
            Self::Conv {
                c_in,
                kernel,
                groups,
                ..
            } => self.outputs() * (c_in / groups * kernel * kernel) as u64,
            _ => self.macs(),
        }
    }

    /// Elements of the input; for a product, of both operands.
    pub fn inputs(&self) -> u64 {
        match *self {
            Self::Conv { c_in, side_in, .. } => (c_in * side_in * side_in) as u64,
            Self::Linear { rows, c_in, .. } => (rows * c_in) as u64,
            Self::Product { inputs, .. } => inputs,
        }
    }

    /// Elements of the output.
    pub fn outputs(&self) -> u64 {
        match *self {
            Self::Conv {
                c_out,
                kernel,
                stride,
                padding,
                side_in,
                ..
            } => {
                let side = side_out(side_in, kernel, stride, padding);
                (c_out * side * side) as u64
            }
            Self::Linear { rows, c_out, .. } => (rows * c_out) as u64,
            Self::Product { outputs, .. } => outputs,
        }
    }

    /// Stored weights; a product has none.
    pub fn weights(&self) -> u64 {
        match *self {
            Self::Conv {
                c_in,
                c_out,
                kernel,
                groups,
                ..
            } => (c_in / groups * c_out * kernel * kernel) as u64,
            Self::Linear {
                c_in,
                c_out,
                groups,
                ..
            } => (c_in / groups * c_out) as u64,
            Self::Product { .. } => 0,
        }
    }

    /// Taps of a convolution's kernel that fall inside the map, summed over the outputs of one axis.
    fn taps(&self) -> u64 {
        let Self::Conv {
            kernel,
            stride,
            padding,
            side_in,
            ..
        } = *self
        else {
            return 0;
        };
        (0..side_out(side_in, kernel, stride, padding))
            .map(|out| {
                let first = (out * stride).max(padding);
                let end = (out * stride + kernel).min(side_in + padding);
                end.saturating_sub(first) as u64
            })
            .sum()
    }
}

impl LayerSpec {
    /// Passes over the layer's geometry per picture. The number of steps, or its square where two trains of
    /// weighted spikes meet: each of the K·G steps of one meets each of the other.
    pub fn runs(&self) -> u64 {
        let steps = self.steps as u64;
        match (self.op, self.input) {
            (LayerOp::Product { trains: 2, .. }, Signal::WeightedSpikes { .. }) => steps * steps,
            _ => steps,
        }
    }

    /// Operations per picture if every input were active in every step.
    pub fn dense_ops(&self) -> u64 {
        self.op.macs() * self.runs()
    }

    /// Bits of an activation with as many levels as the input's spike train: `ceil(log2(T+1))` for T
    /// binary spikes; G groups of K weighted ones have `G(2^K - 1) + 1` levels. 0 for a real input.
    pub fn bits(&self) -> u32 {
        let most = match self.input {
            Signal::Real => 0,
            Signal::Spikes => self.steps as u64,
            Signal::WeightedSpikes { bits } => {
                let bits = bits.clamp(1, 63);
                (self.steps / bits) as u64 * ((1 << bits) - 1)
            }
        };
        u64::BITS - most.leading_zeros()
    }

    /// Whether spikes arrive, so that an operation is an accumulate and silence is free.
    pub fn is_spiking(&self) -> bool {
        self.input != Signal::Real
    }

    /// Whether two spike trains meet in this layer, so that its operations are coincidences.
    pub fn is_meeting(&self) -> bool {
        self.is_spiking() && matches!(self.op, LayerOp::Product { trains: 2, .. })
    }
}

/// Side of a convolution's output; 0 where the kernel does not fit.
fn side_out(side_in: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    (side_in + 2 * padding)
        .checked_sub(kernel)
        .map_or(0, |room| room / stride.max(1) + 1)
}
