//! The surrogates inside CubeCL kernels. A surrogate is a shape, known when the kernel is compiled, and
//! one number.

use crate::config::Surrogate;
use cubecl::prelude::*;
use std::f32::consts::PI;

/// Which surrogate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::kernels) enum Shape {
    Atan,
    Sigmoid,
    Rectangle,
    Triangle,
}

/// The surrogate's shape and its number: alpha, or 1 / width.
pub(in crate::kernels) fn split(surrogate: Surrogate) -> (Shape, f32) {
    match surrogate {
        Surrogate::Atan { alpha } => (Shape::Atan, alpha),
        Surrogate::Sigmoid { alpha } => (Shape::Sigmoid, alpha),
        Surrogate::Rectangle { width } => (Shape::Rectangle, 1.0 / width),
        Surrogate::Triangle { width } => (Shape::Triangle, 1.0 / width),
    }
}

/// [`crate::kernels::surrogate::primitive`].
#[cube]
pub(in crate::kernels) fn primitive(u: f32, number: f32, #[comptime] shape: Shape) -> f32 {
    match comptime!(shape) {
        Shape::Atan => (u * number * (PI * 0.5)).atan() * (1.0 / PI) + 0.5,
        Shape::Sigmoid => 1.0 / (1.0 + (-u * number).exp()),
        Shape::Rectangle => clamp(u * number + 0.5, 0.0, 1.0),
        Shape::Triangle => {
            let c = clamp(u * number, -1.0, 1.0);
            0.5 + c - 0.5 * c * c.abs()
        }
    }
}

/// [`crate::kernels::surrogate::derivative`].
#[cube]
pub(in crate::kernels) fn derivative(u: f32, number: f32, #[comptime] shape: Shape) -> f32 {
    match comptime!(shape) {
        Shape::Atan => {
            let scaled = u * number * (PI * 0.5);
            0.5 * number / (1.0 + scaled * scaled)
        }
        Shape::Sigmoid => {
            let s = 1.0 / (1.0 + (-u * number).exp());
            number * s * (1.0 - s)
        }
        Shape::Rectangle => select(u.abs() * number < 0.5, number, 0.0),
        Shape::Triangle => max(1.0 - u.abs() * number, 0.0) * number,
    }
}
