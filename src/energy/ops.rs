//! Quantities that add up: operations and bytes per picture.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

macro_rules! additive {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: f64,)+ }) => {
        $(#[$meta])*
        pub struct $name { $($(#[$doc])* pub $field: f64,)+ }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                $(self.$field += other.$field;)+
            }
        }
    };
}

additive! {
    /// Operations and bytes per picture. Means over pictures, hence not whole numbers.
    #[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
    pub struct Ops {
        /// Multiply-accumulates of one dense pass (the layer in a network without time), padding excluded.
        pub dense_macs: f64,
        /// Elements of the input in one dense pass.
        pub inputs: f64,
        /// Stored weights.
        pub weights: f64,
        /// Operations if every input were active in every step.
        pub dense_ops: f64,
        /// Effective multiply-accumulates: on real numbers.
        pub macs: f64,
        /// Effective accumulates: exact non-zero fan-out, padding excluded.
        pub acs: f64,
        /// The literature's multiply-accumulates, padding included.
        pub rate_macs: f64,
        /// The literature's accumulates: firing rate times dense operations, padding included.
        pub rate_acs: f64,
        /// Multiplications by a power of two, one for each accumulate of a weighted spike.
        pub shifts: f64,
        /// Biases and shortcuts.
        pub adds: f64,
        /// Neuron updates.
        pub updates: f64,
        /// Additions, subtractions and comparisons in them.
        pub update_adds: f64,
        /// Multiply-accumulates in them.
        pub update_macs: f64,
        /// Reads of a membrane potential.
        pub membrane_reads: f64,
        /// Writes of a membrane potential.
        pub membrane_writes: f64,
        /// Bytes of both.
        pub membrane_bytes: f64,
        /// Bytes of weights read.
        pub weight_bytes: f64,
        /// Bytes of spikes and activations read and written.
        pub activation_bytes: f64,
        /// Additions that find addresses.
        pub addressing_adds: f64,
        /// Multiply-accumulates that find addresses.
        pub addressing_macs: f64,
        /// Spikes that arrive at layers.
        pub spikes: f64,
    }
}
