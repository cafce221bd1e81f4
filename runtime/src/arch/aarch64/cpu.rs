//! The features of this CPU.

use std::sync::OnceLock;

use wasmaot_abi::machine::aarch64::MACHINE;

/// The features of this CPU that objects may ask for, as the kernel tells them.
pub fn host_cpu() -> u64 {
    use std::arch::is_aarch64_feature_detected as has;
    static FEATURES: OnceLock<u64> = OnceLock::new();
    let present = |name| match name {
        "atomics" => has!("lse"),
        "paca" => has!("paca"),
        "asimdhp" => has!("fp16"),
        "asimddp" => has!("dotprod"),
        "i8mm" => has!("i8mm"),
        _ => false,
    };
    *FEATURES.get_or_init(|| {
        let features = MACHINE.cpu.features.iter();
        let present = features.filter(|feature| present(feature.name));
        present.fold(0, |set, feature| set | 1 << feature.bit)
    })
}

/// The features of a set that this CPU has not.
pub(crate) fn missing_cpu(wanted: u64) -> u64 {
    match wanted {
        0 => 0,
        wanted => wanted & !host_cpu(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_missing() {
        let all = host_cpu();
        assert_eq!(missing_cpu(all), 0);
        assert_eq!(missing_cpu(all | 1 << 63), 1 << 63);
    }
}
