//! Weights drawn on the host from one seeded stream, so that a seed gives the same network on every
//! device (burn's own initialisers draw on the device, where CPU and GPU streams differ).

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The stream of initial weights and the device they go to.
pub struct Init {
    rng: ChaCha8Rng,
    device: Device,
}

impl Init {
    /// A stream for `seed`; weights are placed on `device`.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            device: device.clone(),
        }
    }

    /// The device weights are placed on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Uniform on `[-bound, bound)`.
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f32) -> Param<Tensor<D>> {
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count)
            .map(|_| {
                // 24 random bits are exact in f32, so every platform draws the same number.
                let unit = (self.rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
                (2.0 * unit - 1.0) * bound
            })
            .collect();
        self.place(values, shape)
    }

    /// The usual range for a layer of that many inputs: `U(-1/√fan_in, 1/√fan_in)`.
    pub fn fan_in<const D: usize>(&mut self, shape: [usize; D], fan_in: usize) -> Param<Tensor<D>> {
        self.uniform(shape, 1.0 / (fan_in.max(1) as f32).sqrt())
    }

    /// One value everywhere.
    pub fn constant<const D: usize>(&self, shape: [usize; D], value: f32) -> Param<Tensor<D>> {
        let count = shape.iter().product();
        self.place(vec![value; count], shape)
    }

    fn place<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::from_data(
            TensorData::new(values, shape),
            &self.device,
        ))
    }
}
