//! The features of this CPU.

use std::arch::x86_64::__cpuid;
use std::sync::OnceLock;

use wasmaot_abi::machine::x86_64::MACHINE;

const BASELINE_FEATURES: u64 = MACHINE.cpu.baseline.features;

/// The features of this CPU that objects may ask for.
pub fn host_cpu() -> u64 {
    use std::arch::is_x86_feature_detected as has;
    let present = |name| match name {
        "sse3" => has!("sse3"),
        "ssse3" => has!("ssse3"),
        "sse4.1" => has!("sse4.1"),
        "sse4.2" => has!("sse4.2"),
        "popcnt" => has!("popcnt"),
        "cx16" => has!("cmpxchg16b"),
        "avx" => has!("avx"),
        "avx2" => has!("avx2"),
        "fma" => has!("fma"),
        "bmi1" => has!("bmi1"),
        "bmi2" => has!("bmi2"),
        "lzcnt" => has!("lzcnt"),
        "avx512bitalg" => has!("avx512bitalg"),
        "avx512dq" => has!("avx512dq"),
        "avx512f" => has!("avx512f"),
        "avx512vbmi" => has!("avx512vbmi"),
        "avx512vl" => has!("avx512vl"),
        _ => false,
    };
    let features = MACHINE.cpu.features.iter();
    let present = features.filter(|feature| present(feature.name));
    present.fold(0, |set, feature| set | 1 << feature.bit)
}

/// The features of a set that this CPU has not. To ask the CPU for all that it
/// has takes a virtual machine as long as to load a small library, so of one
/// that has the baseline no more is asked unless need be.
pub(crate) fn missing_cpu(wanted: u64) -> u64 {
    static BASELINE: OnceLock<bool> = OnceLock::new();
    match wanted & !BASELINE_FEATURES == 0 && *BASELINE.get_or_init(has_baseline) {
        true => 0,
        false => wanted & !host_cpu(),
    }
}

/// Whether the CPU is of the x86-64-v2 level.
fn has_baseline() -> bool {
    /// Bits of ecx for SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT.
    const FEATURES: u32 = 1 | 1 << 9 | 1 << 13 | 1 << 19 | 1 << 20 | 1 << 23;
    __cpuid(1).ecx & FEATURES == FEATURES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_ask_agree() {
        let all = host_cpu();
        assert_eq!(has_baseline(), all & BASELINE_FEATURES == BASELINE_FEATURES);
        assert_eq!(missing_cpu(all), 0);
        assert_eq!(missing_cpu(all | 1 << 63), 1 << 63);
    }
}
