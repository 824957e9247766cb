//! Eight numbers in one register: by the instructions of AVX2 and FMA, since the compiler, left alone, puts some of a dozen
//! registers aside in every round of a product of matrices; on other processors as the compiler likes.

#![allow(unsafe_code)] // vectors are read and written where slices were measured out

/// Numbers of a register.
pub(super) const EIGHT: usize = 8;

#[cfg(target_arch = "x86_64")]
mod register {
    use std::arch::x86_64::{
        __m256, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };

    use super::EIGHT;

    #[derive(Clone, Copy)]
    pub(in super::super) struct Eight(__m256);

    impl Eight {
        #[target_feature(enable = "avx2,fma")]
        pub(in super::super) fn zero() -> Self {
            Self(_mm256_setzero_ps())
        }

        #[target_feature(enable = "avx2,fma")]
        pub(in super::super) fn all(number: f32) -> Self {
            Self(_mm256_set1_ps(number))
        }

        #[target_feature(enable = "avx2,fma")]
        pub(in super::super) fn of(numbers: &[f32; EIGHT]) -> Self {
            // SAFETY: eight numbers lie there.
            Self(unsafe { _mm256_loadu_ps(numbers.as_ptr()) })
        }

        #[target_feature(enable = "avx2,fma")]
        pub(in super::super) fn put(self, numbers: &mut [f32; EIGHT]) {
            // SAFETY: there is room for eight numbers.
            unsafe { _mm256_storeu_ps(numbers.as_mut_ptr(), self.0) }
        }

        #[target_feature(enable = "avx2,fma")]
        pub(in super::super) fn plus(self, other: Self) -> Self {
            Self(_mm256_add_ps(self.0, other.0))
        }

        /// self + one · other
        #[target_feature(enable = "avx2,fma")]
        pub(in super::super) fn plus_product(self, one: Self, other: Self) -> Self {
            Self(_mm256_fmadd_ps(one.0, other.0, self.0))
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod register {
    use super::EIGHT;

    #[derive(Clone, Copy)]
    pub(in super::super) struct Eight([f32; EIGHT]);

    impl Eight {
        pub(in super::super) fn zero() -> Self {
            Self([0.0; EIGHT])
        }

        pub(in super::super) fn all(number: f32) -> Self {
            Self([number; EIGHT])
        }

        pub(in super::super) fn of(numbers: &[f32; EIGHT]) -> Self {
            Self(*numbers)
        }

        pub(in super::super) fn put(self, numbers: &mut [f32; EIGHT]) {
            *numbers = self.0;
        }

        pub(in super::super) fn plus(mut self, other: Self) -> Self {
            self.0.iter_mut().zip(other.0).for_each(|(sum, other)| *sum += other);
            self
        }

        /// self + one · other
        pub(in super::super) fn plus_product(mut self, one: Self, other: Self) -> Self {
            for lane in 0..EIGHT {
                self.0[lane] = one.0[lane].mul_add(other.0[lane], self.0[lane]);
            }
            self
        }
    }
}

pub(super) use self::register::Eight;
