//! Exceptions: where they live, and who catches one.
//!
//! Nothing happens before a throw: then the frames of the wasm stack are
//! followed, and the objects' tables say which call has a handler. Only the
//! call from the host that the throw is in is searched: a host function in
//! between is a border.
//!
//! An exception whose reference is kept lives as long as the process: nothing
//! says when the last copy of a reference is gone. Of one that a handler has
//! taken without keeping a reference the room is used again.

use std::alloc::{self, Layout};
use std::collections::BTreeMap;
use std::ops::Range;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmaot_abi::exception::{self, Handler, LOADER_TAGS, Tag};
use wasmaot_abi::trap::TrapCode;

use super::ThreadSpace;
use super::current;
use crate::arch::{Resume, THUNK_SAVED_BASE};
use crate::host::HostError;
use crate::object::Object;
use crate::sys::{Budget, live};

/// The exceptions of a process, and what catches them. At one address for as
/// long as the process lives.
///
/// The lock is taken after every other, and held while nothing of the program runs.
#[derive(Debug)]
pub(crate) struct Exceptions {
    /// Objects, stubs and thunks.
    code: Range<u64>,
    /// Their addresses are the loader's tags.
    tags: [u64; LOADER_TAGS.len()],
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What exceptions count against.
    budget: Arc<Budget>,
    /// Objects with handlers, by address; others are there without.
    images: Vec<Image>,
    all: Vec<(u64, Layout)>,
    /// Exceptions that are over, by the thread that has caught them, which may still read
    /// their values, and by size.
    spare: BTreeMap<(u64, u64), Vec<u64>>,
}

#[derive(Debug)]
struct Image {
    range: Range<u64>,
    object: Arc<Object>,
}

/// How an exception begins: the header of the ABI.
#[repr(C)]
#[derive(Clone, Copy)]
struct Header {
    tag: u64,
    /// Bytes of the whole; the lowest bit says that a reference is kept.
    size: u64,
}

const KEPT: u64 = 1;
const _: () = assert!(size_of::<Header>() == exception::HEADER as usize);

impl Exceptions {
    /// No exceptions yet.
    pub fn new(code: Range<u64>, budget: Arc<Budget>) -> Self {
        Self {
            code,
            tags: [0; LOADER_TAGS.len()],
            state: Mutex::new(State {
                budget,
                images: Vec::new(),
                all: Vec::new(),
                spare: BTreeMap::new(),
            }),
        }
    }

    /// Identity of a tag of [`LOADER_TAGS`].
    pub fn tag(&self, number: usize) -> u64 {
        (&raw const self.tags[number]).expose_provenance() as u64
    }

    /// Whether an address is that of an exception to which references may be.
    pub fn is_kept(&self, address: u64) -> bool {
        let state = self.state();
        state.all.iter().any(|&(at, _)| at == address) && {
            // SAFETY: whatever was allocated has its header.
            let header: Header = unsafe { live::load(address) };
            header.size & KEPT != 0
        }
    }

    /// Forgets an object whose code is gone.
    pub fn remove(&self, range: &Range<u64>) {
        self.state().images.retain(|image| image.range != *range);
    }

    /// Keeps exceptions from being thrown, and what there are.
    pub fn hold(&self) -> HeldExceptions<'_> {
        HeldExceptions(self.state())
    }

    /// Adds an object whose code may run from now on.
    pub fn add(&self, range: Range<u64>, object: Arc<Object>) {
        let images = &mut self.state().images;
        let at = images.partition_point(|i| i.range.start < range.start);
        images.insert(at, Image { range, object });
    }

    /// The state is whole whenever it is unlocked.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Exceptions, while none is thrown.
pub(crate) struct HeldExceptions<'a>(MutexGuard<'a, State>);

impl HeldExceptions<'_> {
    /// Every 64-bit word of the exceptions.
    pub fn words(&self, f: &mut dyn FnMut(u64)) {
        for &(at, layout) in &self.0.all {
            for word in (at..at + layout.size() as u64).step_by(8) {
                // SAFETY: allocated in `room` with this layout, of whole
                // words, which was zeroed or written since.
                f(unsafe { live::load(word) });
            }
        }
    }
}

impl Drop for Exceptions {
    fn drop(&mut self) {
        for &(at, layout) in &self.state().all {
            // SAFETY: allocated with this layout in `room`, and freed here
            // alone.
            unsafe { alloc::dealloc(ptr::with_exposed_provenance_mut(at as usize), layout) };
        }
    }
}

/// The thread whose wasm code has called the built-in function that runs.
fn thread<'a>() -> &'a ThreadSpace {
    // Without `enter` there is no wasm code.
    current::current_space().unwrap_or_else(|| std::process::abort())
}

/// The built-in function `exception_new`.
///
/// # Safety
/// To be called by compiled code alone.
pub(crate) unsafe extern "C" fn exception_new(_base: u64, tag: u64, bytes: u64) -> u64 {
    let thread = thread();
    let room = thread.shared.exceptions.state().room(thread.head, bytes);
    let Some(at) = room else {
        // SAFETY: compiled code has called this function, by a stub, and there
        // is nothing to undo.
        unsafe { current::leave_with(HostError::of(TrapCode::OutOfMemory)) }
    };
    // SAFETY: `room` gives that many bytes that nobody uses.
    unsafe { live::store(at, Header { tag, size: bytes }) };
    at
}

/// Address of [`unwind`], for [`ThreadBlock::unwind`](wasmaot_abi::context::ThreadBlock).
pub(crate) fn unwind_address() -> u64 {
    unwind as *const () as u64
}

/// Finds the handler of an exception: 0 and where to go on, or 1 with the
/// exception recorded for `call`. Called by `arch` on the host stack.
///
/// # Safety
/// `base` and `exception` must be those of the throwing code, `record` the
/// address of the frame record of the built-in function, which it has called.
unsafe extern "C" fn unwind(base: u64, exception: u64, record: u64, resume: *mut Resume) -> u64 {
    let thread = thread();
    let exceptions = &thread.shared.exceptions;
    let mut state = exceptions.state();
    // SAFETY: an exception begins with a header.
    let header: Header = unsafe { live::load(exception) };
    let (mut base, mut at) = (base, record);
    loop {
        // SAFETY: every frame of wasm code and of thunks has a record, whose
        // first word leads to the next; `enter` is not in the code area.
        let [bp, pc]: [u64; 2] = unsafe { live::load(at) };
        if !exceptions.code.contains(&pc) {
            current::record_uncaught(header.tag, record);
            state.caught(thread.head, exception, header, false);
            return 1;
        }
        match state.image_at(pc) {
            Some(image) => {
                let Some(table) = image.object.handlers() else {
                    let name = image.object.path().display();
                    let text = format!(
                        "{name}: damaged: the checksum of its exception handlers differs from the one recorded"
                    );
                    current::record_error_at(HostError::Message(text), record);
                    state.caught(thread.head, exception, header, false);
                    return 1;
                };
                if let Some((frame, handler)) = image.handler(table, pc, header.tag) {
                    let found = Resume {
                        code: image.range.start + u64::from(handler.code),
                        bp,
                        sp: bp - u64::from(frame),
                        base,
                        exception,
                    };
                    state.caught(thread.head, exception, header, handler.keeps);
                    // SAFETY: `arch` passes room for it.
                    unsafe { resume.write(found) };
                    return 0;
                }
            }
            // SAFETY: what is called from code but not of an object is called
            // from a thunk, which has saved its caller's base there.
            None => base = unsafe { live::load(bp.wrapping_add_signed(THUNK_SAVED_BASE)) },
        }
        at = bp;
    }
}

impl State {
    /// Room for an exception of a thread; none if that is more than the process may use.
    fn room(&mut self, thread: u64, bytes: u64) -> Option<u64> {
        /// What an exception takes beside itself: an entry of `all` and of
        /// `spare`, and what the allocator adds.
        const BESIDE: u64 = 64;
        if let Some(at) = self.spare.get_mut(&(thread, bytes)).and_then(Vec::pop) {
            return Some(at);
        }
        let owner = ptr::from_ref(self).addr() as u64;
        if !self.budget.take(owner, bytes.saturating_add(BESIDE)) {
            return None;
        }
        let layout = Layout::from_size_align(bytes as usize, 16).ok()?;
        // SAFETY: it is not empty: it has room for a header.
        let at = unsafe { alloc::alloc_zeroed(layout) };
        if at.is_null() {
            alloc::handle_alloc_error(layout);
        }
        let at = at.expose_provenance() as u64;
        self.all.push((at, layout));
        Some(at)
    }

    /// Takes note of a handler, or of there being none. One that keeps no reference reads the values
    /// before anything else is thrown.
    fn caught(&mut self, thread: u64, exception: u64, header: Header, keeps: bool) {
        if keeps {
            let size = header.size | KEPT;
            // SAFETY: an exception begins with a header.
            unsafe { live::store(exception, Header { size, ..header }) };
        } else if header.size & KEPT == 0 {
            let spare = self.spare.entry((thread, header.size)).or_default();
            spare.push(exception);
        }
    }

    fn image_at(&self, pc: u64) -> Option<&Image> {
        let after = self.images.partition_point(|i| i.range.start <= pc);
        let image = self.images.get(after.checked_sub(1)?)?;
        image.range.contains(&pc).then_some(image)
    }
}

impl Image {
    /// The handler that takes a tag at a call, and its frame.
    fn handler(&self, table: &[u8], pc: u64, tag: u64) -> Option<(u32, Handler)> {
        let address = u32::try_from(pc - self.range.start).ok()?;
        let (frame, mut handlers) = exception::find(table, address)?;
        let takes = |handler: &Handler| match handler.tag {
            Tag::Any => true,
            Tag::Own(at) => self.range.start + u64::from(at) == tag,
            Tag::Slot(at) => {
                let at = self.range.start + u64::from(at);
                // SAFETY: a slot of the object's GOT, which the loader has
                // filled, or at least its memory.
                at + 8 <= self.range.end && unsafe { live::load::<u64>(at) } == tag
            }
        };
        Some((frame, handlers.find(takes)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_used_again_unless_a_reference_is_kept() {
        let exceptions = Exceptions::new(0..0, Arc::new(Budget::new(1000)));
        let mut state = exceptions.state();
        let mut make = |size: u64, keeps: &[bool]| {
            let header = Header { tag: 1, size };
            let at = state.room(7, size).unwrap();
            // SAFETY: room for it, and then an exception.
            unsafe { live::store(at, header) };
            for &keeps in keeps {
                // SAFETY: as above.
                state.caught(7, at, unsafe { live::load(at) }, keeps);
            }
            at
        };
        let small = make(24, &[false]);
        let large = make(64, &[false]);
        assert_ne!(small, large);
        assert_eq!(make(24, &[false]), small);
        assert_eq!(make(64, &[true, false]), large);
        assert_ne!(make(64, &[]), large);
        assert_eq!(make(24, &[]), small);
        assert_eq!(state.room(7, 900), None);
        assert!(state.room(7, 64).is_some());
    }
}
