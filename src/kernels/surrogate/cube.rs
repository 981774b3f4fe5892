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
pub(in crate::kernels) fn primitive<N: Size>(
    u: Vector<f32, N>,
    number: f32,
    #[comptime] shape: Shape,
) -> Vector<f32, N> {
    let half = Vector::new(0.5f32);
    let one = Vector::new(1.0f32);
    let scaled = u * Vector::new(number);
    match comptime!(shape) {
        Shape::Atan => {
            let arc = (scaled * Vector::new(PI * 0.5)).atan();
            arc * Vector::new(1.0 / PI) + half
        }
        Shape::Sigmoid => one / (one + (-scaled).exp()),
        Shape::Rectangle => clamp(scaled + half, Vector::new(0.0f32), one),
        Shape::Triangle => {
            let c = clamp(scaled, -one, one);
            half + c - half * c * c.abs()
        }
    }
}

/// [`crate::kernels::surrogate::derivative`].
#[cube]
pub(in crate::kernels) fn derivative<N: Size>(
    u: Vector<f32, N>,
    number: f32,
    #[comptime] shape: Shape,
) -> Vector<f32, N> {
    let zero = Vector::new(0.0f32);
    let half = Vector::new(0.5f32);
    let one = Vector::new(1.0f32);
    let number = Vector::new(number);
    match comptime!(shape) {
        Shape::Atan => {
            let scaled = u * number * Vector::new(PI * 0.5);
            half * number / (one + scaled * scaled)
        }
        Shape::Sigmoid => {
            let s = one / (one + (-u * number).exp());
            number * s * (one - s)
        }
        Shape::Rectangle => {
            let inside = (u.abs() * number).less_than(&half);
            select_many(inside, number, zero)
        }
        Shape::Triangle => max(one - u.abs() * number, zero) * number,
    }
}
