//! Sigmoid and tanh of 32-bit floats, without a branch, so that the compiler makes vector code of them. Of a number that is
//! none they are none.

#![expect(clippy::inline_always, reason = "it must be compiled for the instructions of its caller")]

use std::f32::consts::LOG2_E;

/// 1.5 · 2²³: the fraction of a number that is added to it is rounded away.
const ROUNDS: f32 = 12_582_912.0;
/// ln 2 in two parts: the first has so few bits that whole multiples of it are exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// What e to the power of it is still a number, and above zero.
const LARGEST: f32 = 87.0;

/// e to the power of a number, to about 1e-7 of it (S. Moshier, Cephes, expf).
#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = x.clamp(-LARGEST, LARGEST);
    let rounded = x.mul_add(LOG2_E, ROUNDS);
    let power = rounded - ROUNDS;
    let rest = power.mul_add(-LN_2[1], power.mul_add(-LN_2[0], x));
    let polynomial = [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5];
    let sum = polynomial.into_iter().fold(1.987_569_1e-4, |sum: f32, factor| sum.mul_add(rest, factor));
    let value = sum.mul_add(rest * rest, rest) + 1.0;
    // The power stands in the last bits of `rounded`, and goes to where a float has its exponent.
    value * f32::from_bits(rounded.to_bits().wrapping_add(127) << 23)
}

/// 1 / (1 + e⁻ˣ)
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Hyperbolic tangent: near zero by a polynomial (Cephes, tanhf), elsewhere by e²ˣ.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let square = x * x;
    let polynomial = [2.063_909e-2, -5.373_971_6e-2, 0.133_314_42, -0.333_332_8];
    let sum = polynomial.into_iter().fold(-5.704_988_7e-3, |sum: f32, factor| sum.mul_add(square, factor));
    let near = (sum * square).mul_add(x, x);
    let size = x.abs();
    let far = (1.0 - 2.0 / (exp(2.0 * size) + 1.0)).copysign(x);
    if size < 0.625 { near } else { far }
}
