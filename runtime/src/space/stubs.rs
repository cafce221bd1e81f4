//! Small pieces of code that the loader makes, and function records of host
//! functions. Each is made once; pages are filled while writable and become
//! executable with [`Stubs::seal`]. What is added to such pages later is
//! executable at once; where other threads may be running what is there already, it gets
//! pages of its own.

use std::collections::HashMap;

use wasmaot_abi::builtin::Builtin;
use wasmaot_abi::context::FuncRef;

use crate::error::Result;
use crate::object::bad;
use crate::sys::PAGE;
use crate::sys::live;
use crate::sys::{CodeArea, Image};

/// What a stub is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// Calls a host function by its number.
    Host(usize),
    /// Calls a built-in function on the host's stack.
    Builtin(Builtin),
    /// Binds a slot by its number.
    Lazy(u32),
    /// Calls code with the pinned register of its domain.
    Thunk { target: u64, base: u64 },
}

const CHUNK: u64 = 4 * PAGE;
const ALIGN: u64 = 16;

/// The stubs of a process.
#[derive(Debug, Default)]
pub(crate) struct Stubs {
    known: HashMap<Key, u64>,
    /// Those of host functions by number; 0 for none.
    hosts: Vec<u64>,
    /// What is being filled, and how far.
    open: Option<(Image, u64)>,
    full: Vec<Image>,
    /// Whether pages stay as they are once they are executable.
    never_patched: bool,
    records: HashMap<Key, u64>,
    open_records: Option<(Image, u64)>,
}

impl Stubs {
    /// Address of a stub; `make` gives its code for an address.
    pub fn place(
        &mut self,
        area: &mut CodeArea,
        key: Key,
        make: impl Fn(u64) -> Vec<u8>,
    ) -> Result<u64> {
        if let Some(at) = self.known(key) {
            return Ok(at);
        }
        for _ in 0..2 {
            let open = self.open.take();
            let open = open.filter(|(image, _)| !(self.never_patched && image.is_code()));
            let (mut image, used) = match open {
                Some(open) => open,
                None => (area.allocate_data(CHUNK)?, 0),
            };
            let at = image.start() + used;
            let code = make(at);
            let end = used + code.len() as u64;
            if end <= image.len() {
                // What is executable already is so again before others run.
                match image.is_code() {
                    true => image.patch(&[(used, &code)])?,
                    false => _ = image.write(used, &code),
                }
                self.open = Some((image, end.next_multiple_of(ALIGN)));
                self.enter(key, at);
                return Ok(at);
            }
            self.full.push(image);
        }
        Err(bad("a host function", "has too many parameters"))
    }

    /// Leaves pages as they are, from now on, once they are executable.
    pub const fn never_patch(&mut self) {
        self.never_patched = true;
    }

    fn known(&self, key: Key) -> Option<u64> {
        match key {
            Key::Host(number) => self.hosts.get(number).copied().filter(|&at| at != 0),
            key => self.known.get(&key).copied(),
        }
    }

    fn enter(&mut self, key: Key, at: u64) {
        match key {
            Key::Host(number) => {
                let len = self.hosts.len().max(number + 1);
                self.hosts.resize(len, 0);
                self.hosts[number] = at;
            }
            key => _ = self.known.insert(key, at),
        }
    }

    /// Offset from the area's start of a record for a host function's code.
    pub fn record(
        &mut self,
        area: &mut CodeArea,
        key: Key,
        code: u64,
        type_id: u32,
    ) -> Result<FuncRef> {
        let start = area.range().start;
        let size = size_of::<FuncRef>() as u64;
        let at = match self.records.get(&key) {
            Some(&at) => at,
            None => {
                let room = self.open_records.take();
                let (image, used) = match room.filter(|(image, used)| used + size <= image.len()) {
                    Some(open) => open,
                    None => (area.allocate_data(PAGE)?, 0),
                };
                let at = image.start() + used;
                self.open_records = Some((image, used + size));
                self.records.insert(key, at);
                at
            }
        };
        let record = FuncRef {
            code,
            type_id,
            record: (at - start) as u32,
        };
        // SAFETY: `at` is a record's place in a page that `allocate_data` has
        // made writable and that stays so: the page is this value's alone.
        unsafe { live::store(at, record) };
        Ok(record)
    }

    /// Makes what was filled executable.
    pub fn seal(&mut self) -> Result<()> {
        let open = self.open.iter_mut().map(|(image, _)| image);
        for image in self.full.iter_mut().chain(open) {
            if !image.is_code() {
                image.make_code()?;
            }
        }
        self.full.clear();
        Ok(())
    }

    /// Forgets thunks to code that is given back.
    pub fn forget(&mut self, code: &std::ops::Range<u64>) {
        let of = |key: &Key| matches!(key, Key::Thunk { target, .. } if code.contains(target));
        self.known.retain(|key, _| !of(key));
    }

    /// Forgets host functions numbered from `first` on.
    pub fn forget_hosts(&mut self, first: usize) {
        let kept = |key: &Key| !matches!(key, Key::Host(number) if *number >= first);
        self.hosts.truncate(first);
        self.records.retain(|key, _| kept(key));
    }

    /// What the stub at each address is for.
    pub fn by_address(&self) -> HashMap<u64, Key> {
        let hosts = self.hosts.iter().enumerate();
        let hosts = hosts.filter(|&(_, &at)| at != 0);
        let hosts = hosts.map(|(number, &at)| (at, Key::Host(number)));
        let others = self.known.iter().map(|(&key, &at)| (at, key));
        hosts.chain(others).collect()
    }
}
