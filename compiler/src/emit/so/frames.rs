//! Phase 5: `.eh_frame` and its search table `.eh_frame_hdr`, for debuggers,
//! profilers and unwinders.

use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::UnwindInfo;
use gimli::DwEhPe;
use gimli::constants::{DW_EH_PE_pcrel, DW_EH_PE_sdata4};
use gimli::write::{
    Address, CommonInformationEntry, EhFrame, FrameDescriptionEntry, FrameTable, Relocation,
    RelocationTarget,
};

use super::layout::{Layout, Section};
use super::recorder::Recorder;
use super::text::Text;
use crate::code::{Code, Frame};
use crate::error::{Error, Result};
use crate::machine::Backend;
use crate::module::Module;

/// Symbol by which an FDE names the PLT; functions have their numbers.
const PLT: usize = usize::MAX;
/// Bytes of an FDE before the address of its code.
const FDE_HEAD: usize = 8;
/// Bytes of the search table's head.
const HDR_HEAD: u64 = 12;

/// The frame table, complete but for the addresses.
pub(super) struct Frames {
    pub bytes: Vec<u8>,
    /// (offset of the address of the code, function or [`PLT`]).
    addresses: Vec<(usize, usize)>,
}

/// Makes the frame table of all code; `plt_size` is 0 if there is no PLT.
pub(super) fn build(
    module: &Module<'_>,
    code: &Code,
    isa: &dyn TargetIsa,
    backend: &dyn Backend,
    plt_size: u64,
) -> Result<Frames> {
    let mut writer = EhFrame(Recorder::default());
    if let Some(mut cie) = isa.create_systemv_cie() {
        cie.fde_address_encoding = DwEhPe(DW_EH_PE_pcrel.0 | DW_EH_PE_sdata4.0);
        let table = table(backend, code, cie, plt_size);
        table
            .write_eh_frame(&mut writer)
            .map_err(|e| Error::Codegen {
                file: module.source.clone(),
                function: "the unwind table".into(),
                reason: e.to_string(),
            })?;
    }
    let Recorder { bytes, relocs } = writer.0;
    let symbol = |r: &Relocation| match r.target {
        RelocationTarget::Symbol(symbol) => Some((r.offset, symbol)),
        RelocationTarget::Section(_) => None,
    };
    let addresses: Vec<_> = relocs.iter().filter_map(symbol).collect();
    let mut bytes = bytes.into_vec();
    for &(offset, function) in addresses.iter().filter(|a| a.1 != PLT) {
        // The code generator's length is that of the code that it made.
        let length = code.functions[function].bytes.len() as u32;
        bytes[offset + 4..offset + 8].copy_from_slice(&length.to_le_bytes());
    }
    if !addresses.is_empty() {
        bytes.extend([0; 4]);
    }
    Ok(Frames { bytes, addresses })
}

fn table(
    backend: &dyn Backend,
    code: &Code,
    cie: CommonInformationEntry,
    plt_size: u64,
) -> FrameTable {
    let mut table = FrameTable::default();
    let cie = table.add_cie(cie);
    let address = |symbol| Address::Symbol { symbol, addend: 0 };
    if plt_size > 0 {
        table.add_fde(cie, backend.plt_frame(address(PLT), plt_size));
    }
    for (i, function) in code.present() {
        let fde = match &function.frame {
            // What holds at a function's entry, all the way.
            Frame::None => FrameDescriptionEntry::new(address(i), function.bytes.len() as u32),
            Frame::Record(UnwindInfo::SystemV(info)) => info.to_fde(address(i)),
            Frame::Record(_) => continue,
        };
        table.add_fde(cie, fde);
    }
    table
}

impl Frames {
    /// Size of the search table.
    pub fn hdr_size(&self) -> u64 {
        match self.addresses.len() as u64 {
            0 => 0,
            n => HDR_HEAD + 8 * n,
        }
    }

    /// Fills in the addresses; returns both sections.
    pub fn place(mut self, text: &Text, layout: &Layout) -> (Vec<u8>, Vec<u8>) {
        let eh_frame = layout.addr(Section::EhFrame);
        let hdr_at = layout.addr(Section::EhFrameHdr);
        let mut table: Vec<(i32, i32)> = Vec::with_capacity(self.addresses.len());
        for &(offset, symbol) in &self.addresses {
            let code = match symbol {
                PLT => layout.addr(Section::Plt),
                function => layout.addr(Section::Text) + u64::from(text.offsets[function]),
            };
            let field = eh_frame + offset as u64;
            self.bytes[offset..offset + 4].copy_from_slice(&distance(field, code).to_le_bytes());
            table.push((
                distance(hdr_at, code),
                distance(hdr_at, field - FDE_HEAD as u64),
            ));
        }
        if table.is_empty() {
            return (self.bytes, Vec::new());
        }
        table.sort_unstable();
        // Version 1; pointer and count and table encodings: pcrel sdata4,
        // udata4, datarel sdata4.
        let mut hdr = vec![1, 0x1b, 0x03, 0x3b];
        hdr.extend(distance(hdr_at + 4, eh_frame).to_le_bytes());
        hdr.extend((table.len() as u32).to_le_bytes());
        for (code, fde) in table {
            hdr.extend(code.to_le_bytes());
            hdr.extend(fde.to_le_bytes());
        }
        (self.bytes, hdr)
    }
}

/// The layout keeps all addresses within ±2 GiB of each other.
fn distance(from: u64, to: u64) -> i32 {
    to.wrapping_sub(from) as i32
}
