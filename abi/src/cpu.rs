//! CPU features that an object may require, one bit each in its note.

macro_rules! features {
    ($($bit:literal $name:literal $flag:literal;)*) => {
        /// `(bit, name as in /proc/cpuinfo, Cranelift setting)` of each x86-64 feature.
        pub const X86_64: &[(u32, &str, &str)] = &[$(($bit, $name, $flag)),*];
    };
}

features! {
    0 "sse3" "has_sse3";
    1 "ssse3" "has_ssse3";
    2 "sse4.1" "has_sse41";
    3 "sse4.2" "has_sse42";
    4 "popcnt" "has_popcnt";
    5 "cx16" "has_cmpxchg16b";
    6 "avx" "has_avx";
    7 "avx2" "has_avx2";
    8 "fma" "has_fma";
    9 "bmi1" "has_bmi1";
    10 "bmi2" "has_bmi2";
    11 "lzcnt" "has_lzcnt";
    12 "avx512bitalg" "has_avx512bitalg";
    13 "avx512dq" "has_avx512dq";
    14 "avx512f" "has_avx512f";
    15 "avx512vbmi" "has_avx512vbmi";
    16 "avx512vl" "has_avx512vl";
}

/// The features of the x86-64-v2 level, the baseline: what SIMD-128 and
/// rounding instructions need.
pub const X86_64_BASELINE: u64 = 0b11_1111;

/// Names of the features in a set, for messages.
pub fn names(set: u64) -> Vec<&'static str> {
    X86_64
        .iter()
        .filter(|(bit, ..)| set >> bit & 1 == 1)
        .map(|&(_, name, _)| name)
        .collect()
}
