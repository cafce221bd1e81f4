//! Instructions for tests to put together code of. Where one has a field to fill,
//! it is what comes before that.

/// `call rel32`.
pub(crate) const CALL: &[u8] = &[0xe8];
/// `mov slot(%rip), %rax`.
pub(crate) const LOAD_FROM_GOT: &[u8] = &[0x48, 0x8b, 0x05];
/// `lea target(%rip), %rax`.
pub(crate) const COMPUTE_ADDRESS: &[u8] = &[0x48, 0x8d, 0x05];
/// `ret`.
pub(crate) const RETURN: &[u8] = &[0xc3];
