//! `dladdr` and `dl_iterate_phdr`.
//!
//! A wasm pointer to a function is a table index, which may be the number of
//! an address too: an index that a function stands at counts as that function,
//! unless an object's data lie there.

use wasmaot_abi::object::{SymbolKind, SymbolRecord};
use wasmaot_abi::types::{FuncType, ValType};

use crate::host::{Caller, HostError};
use crate::link::Block;
use crate::object::SymbolSection;
use crate::process::{Process, heap};
use crate::value::Val;

impl Process {
    /// The linear memory that an instance's data lie in. What is below them
    /// does not count: a program at fixed addresses has its base at 0.
    fn data_range(&self, number: usize) -> std::ops::Range<u64> {
        let instance = &self.link.instances[number];
        let runs = instance.object.layout().memory.iter();
        let start = runs.map(|run| run.linear).min().unwrap_or(0);
        instance.memory_base + start..instance.memory_base + instance.object.image_end()
    }

    /// The instance whose data lie at an address of the program.
    pub(super) fn instance_of_data(&self, address: u32) -> Option<usize> {
        let domain = self.link.program.as_ref()?.domain;
        let mut all = self.link.instances.iter();
        let here = |n: usize| self.data_range(n).contains(&address.into());
        all.find(|&(n, i)| i.domain == domain && here(n))
            .map(|(n, _)| n)
    }

    /// Puts a text, zero-terminated, into the memory of a domain.
    pub(super) fn place_text(&mut self, domain: usize, text: &str) -> crate::error::Result<Block> {
        let bytes = text.len() as u64 + 1;
        let block = heap::allocate_in(self, domain, bytes, 1, "the loader")?;
        let memory = self.space.domains[domain].view();
        // The block lies in memory.
        let _ = memory.write(block.at, text.as_bytes());
        Ok(block)
    }

    /// Address of a text that stays as long as an instance.
    fn text_of(&mut self, number: usize, text: &str) -> Result<u32, HostError> {
        let serial = self.link.instances[number].serial;
        let known = self.dl.names.get(&serial).into_iter().flatten();
        let known = known.into_iter().find(|(name, _)| name == text);
        if let Some((_, block)) = known {
            return Ok(block.at as u32);
        }
        let domain = self.link.instances[number].domain;
        let block = self.place_text(domain, text)?;
        let at = block.at as u32;
        let names = self.dl.names.entry(serial).or_default();
        names.push((text.to_owned(), block));
        Ok(at)
    }

    /// The function at a table index: its instance, name, and index.
    fn function_at(&self, index: u32) -> Option<(usize, String)> {
        let domain = self.link.program.as_ref()?.domain;
        let entry = self.space.domains[domain].entry(index.into())?;
        let number = self.link.instances.at(entry.code)?;
        let instance = &self.link.instances[number];
        let at = entry.code - instance.image.start();
        let of = |s: &crate::object::Symbol| s.defines(SymbolKind::Function) && s.value == at;
        let mut symbols = instance.object.symbols();
        let symbol = symbols.find(of);
        let name = symbol.map_or("", |s| instance.object.symbol_name(&s));
        Some((number, name.to_owned()))
    }

    /// The data symbol that an address is at or after: instance, name, address.
    fn data_at(&self, address: u32) -> Option<(usize, String, u32)> {
        let number = self.instance_of_data(address)?;
        let instance = &self.link.instances[number];
        let bias = instance.object.layout().memory_bias;
        let linear = |s: &crate::object::Symbol| match s.section {
            SymbolSection::Absolute => s.value,
            _ => instance.memory_base + s.value.wrapping_sub(bias),
        };
        let symbols = instance.object.symbols();
        // What each thread has a copy of has no one address.
        let has_one = |s: &crate::object::Symbol| {
            s.defines(SymbolKind::Data) && s.record.flags & SymbolRecord::TLS == 0
        };
        let before = symbols.filter(|s| has_one(s) && linear(s) <= address.into());
        Some(match before.max_by_key(|s| linear(s)) {
            Some(s) => (
                number,
                instance.object.symbol_name(&s).to_owned(),
                linear(&s) as u32,
            ),
            None => (number, String::new(), 0),
        })
    }
}

impl Process {
    /// What `dladdr` says of an address, if there is something. No other thread closes it
    /// while the allocator gives room for the names.
    fn about_address(&mut self, address: u32) -> Result<Option<[u32; 4]>, HostError> {
        let found = self.data_at(address).or_else(|| {
            let (number, name) = self.function_at(address)?;
            Some((number, name, address))
        });
        let Some((number, name, at)) = found else {
            return Ok(None);
        };
        let object = &self.link.instances[number].object;
        let file = object.path().display().to_string();
        let file = self.text_of(number, &file)?;
        let base = self.data_range(number).start as u32;
        let (name, at) = match &*name {
            "" => (0, 0),
            name => (self.text_of(number, name)?, at),
        };
        Ok(Some([file, base, name, at]))
    }

    /// What `dl_iterate_phdr` says of an instance that is still there, its header to be at
    /// an address; likewise.
    fn about_instance(
        &mut self,
        serial: u64,
        header: u32,
    ) -> Result<Option<[u32; WORDS]>, HostError> {
        let Some(number) = self.link.instances.of_serial(serial) else {
            return Ok(None);
        };
        let main = self.main().is_ok_and(|main| main == number);
        let object = &self.link.instances[number].object;
        let path = object.path().display().to_string();
        let name = self.text_of(number, if main { "" } else { &path })?;
        let base = self.link.instances[number].memory_base;
        let range = self.data_range(number);
        let (start, size) = (range.start - base, range.end - range.start);
        let (adds, subs) = (self.link.instances.loaded(), self.dl.unloaded);
        Ok(Some([
            base as u32,
            name,
            header,
            1,
            adds as u32,
            (adds >> 32) as u32,
            subs as u32,
            (subs >> 32) as u32,
            0,
            0,
            PT_LOAD,
            0,
            start as u32,
            start as u32,
            size as u32,
            size as u32,
            FLAGS,
            16,
        ]))
    }
}

/// `int dladdr(const void *, Dl_info *)`.
pub(super) fn dladdr(caller: &mut Caller<'_>, address: u32, out: u32) -> Result<i32, HostError> {
    let process = caller.process_mut()?;
    let Some(words) = process.with_dl(|process| process.about_address(address))?? else {
        return Ok(0);
    };
    write(caller, out.into(), &words)?;
    Ok(1)
}

/// Writes words into the program's memory.
fn write(caller: &mut Caller<'_>, at: u64, words: &[u32]) -> Result<(), HostError> {
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    let outside = |_| HostError::Message(format!("a pointer outside of memory: {at:#x}"));
    caller.view().write(at, &bytes).map_err(outside)
}

/// `PT_LOAD`, and the flags of readable and writable.
const PT_LOAD: u32 = 1;
const FLAGS: u32 = 6;
/// Bytes of `struct dl_phdr_info`; the program header follows.
const INFO: u32 = 40;
const HEADER: u32 = 32;
const WORDS: usize = (INFO + HEADER) as usize / 4;

/// `int dl_iterate_phdr(int (*)(struct dl_phdr_info *, size_t, void *), void *)`:
/// each object's one header describes its data.
pub(super) fn dl_iterate_phdr(
    caller: &mut Caller<'_>,
    callback: u32,
    data: u32,
) -> Result<i32, HostError> {
    let process = caller.process_mut()?;
    if process.main().is_err() {
        return Ok(0);
    }
    let block = heap::allocate(process, u64::from(INFO + HEADER), 8, "the loader")?;
    let serials: Vec<u64> = process.link.instances.values().map(|i| i.serial).collect();
    let answer = visit(caller, callback, data, &serials, block.at);
    heap::release(caller.process_mut()?, block);
    answer
}

fn visit(
    caller: &mut Caller<'_>,
    callback: u32,
    data: u32,
    serials: &[u64],
    at: u64,
) -> Result<i32, HostError> {
    let ty = FuncType::new([ValType::I32; 3], [ValType::I32]);
    for &serial in serials {
        let process = caller.process_mut()?;
        let info = process.with_dl(|process| process.about_instance(serial, at as u32 + INFO));
        let Some(info) = info?? else {
            continue;
        };
        write(caller, at, &info)?;
        let args = [at as u32, INFO, data].map(|v| Val::I32(v.cast_signed()));
        let called = caller.process_mut()?.call_index(callback, &ty, &args);
        match called.map_err(HostError::from)?[..] {
            [Val::I32(0)] => {}
            [Val::I32(answer)] => return Ok(answer),
            _ => {}
        }
    }
    Ok(0)
}
