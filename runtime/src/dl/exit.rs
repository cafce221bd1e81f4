//! Handlers of `atexit` and `__cxa_atexit` (so destructors, too) of opened
//! libraries. They have to run when their library is closed, but the program's
//! libc knows nothing of that: it would call them at the end, when the library
//! is gone. So an opened library's calls are taken over: the handler is kept
//! here, and the libc is given one that asks here what is left to be done.

use wasmaot_abi::info::{Import, ImportKind};
use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::types::{FuncType, ValType};

use super::MODULE;
use crate::host::{Caller, HostError};
use crate::loader::{Target, table_index};
use crate::process::Process;
use crate::trap::Trap;
use crate::value::Val;

/// Functions of which opened libraries get the loader's.
const TAKEN_OVER: [&str; 2] = [CXA_ATEXIT, "atexit"];
const CXA_ATEXIT: &str = "__cxa_atexit";
/// What libc calls at the end.
const AT_END: &str = "at_end";

/// Whether opened libraries get the loader's function of that name.
pub(crate) fn is_taken_over(name: &str) -> bool {
    TAKEN_OVER.contains(&name)
}

/// The loader's function for an import of an opened library.
pub(crate) fn taken_over(process: &Process, import: &Import<'_>) -> Option<Target> {
    let wanted = matches!(import.kind, ImportKind::Func(_)) && is_taken_over(import.name);
    let number = process.hosts.find(MODULE, import.name).filter(|_| wanted);
    number.map(Target::Host)
}

/// The handlers that are still to run.
#[derive(Debug, Default)]
pub(crate) struct Handlers {
    /// In the order of their registration.
    list: Vec<Handler>,
    /// How many there have ever been.
    count: u32,
    /// Calls of [`AT_END`] that libc will make, by the number it gives, whose
    /// handler has already run.
    idle: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Handler {
    /// What libc gives to [`AT_END`].
    number: u32,
    /// Serial number of the instance.
    owner: u64,
    function: u32,
    /// Of `__cxa_atexit`'s.
    arg: Option<u32>,
}

/// `__cxa_atexit` for opened libraries.
pub(super) fn cxa_atexit(
    caller: &mut Caller<'_>,
    function: u32,
    arg: u32,
    dso: u32,
) -> Result<i32, HostError> {
    let process = caller.process_mut()?;
    let owner = process.instance_of_data(dso).or_else(|| process.caller());
    register(process, owner, function, Some(arg))
}

/// `atexit` for opened libraries.
pub(super) fn atexit(caller: &mut Caller<'_>, function: u32) -> Result<i32, HostError> {
    let process = caller.process_mut()?;
    register(process, process.caller(), function, None)
}

fn register(
    process: &mut Process,
    owner: Option<usize>,
    function: u32,
    arg: Option<u32>,
) -> Result<i32, HostError> {
    let Some(owner) = owner.map(|n| process.instances[n].serial) else {
        return Ok(-1);
    };
    let number = match process.dl.exit.idle.pop() {
        Some(number) => number,
        None => {
            process.dl.exit.count += 1;
            let number = process.dl.exit.count;
            tell_libc(process, number)?;
            number
        }
    };
    process.dl.exit.list.push(Handler {
        number,
        owner,
        function,
        arg,
    });
    Ok(0)
}

/// Has the program's libc call [`AT_END`] with that number.
fn tell_libc(process: &mut Process, number: u32) -> Result<(), HostError> {
    let ty = FuncType::new([ValType::I32; 3], [ValType::I32]);
    let mut scope = process.scope.iter();
    let libc = scope.find_map(|&n| process.export(n, CXA_ATEXIT, SymbolKind::Function));
    let libc = libc.filter(|&target| process.type_of(target) == Some(&ty));
    let at_end = process.hosts.find(MODULE, AT_END).map(Target::Host);
    let (Some(libc), Some(at_end)) = (libc, at_end) else {
        // Without a libc nothing calls handlers at the end.
        return Ok(());
    };
    let index = table_index(process, at_end)? as u32;
    let args = [index, number, 0].map(|v| Val::I32(v.cast_signed()));
    let called = process.call_target(libc, &ty, &args);
    called
        .map(|_| ())
        .map_err(|trap| HostError::Trap(Box::new(trap)))
}

/// What libc calls.
pub(super) fn at_end(caller: &mut Caller<'_>, number: u32) -> Result<(), HostError> {
    let process = caller.process_mut()?;
    let list = &mut process.dl.exit.list;
    let Some(at) = list.iter().position(|h| h.number == number) else {
        return Ok(());
    };
    let handler = list.remove(at);
    run(process, handler).map_err(|trap| HostError::Trap(Box::new(trap)))
}

fn run(process: &mut Process, handler: Handler) -> Result<(), Trap> {
    let word = |v: u32| Val::I32(v.cast_signed());
    match handler.arg {
        Some(arg) => {
            let ty = FuncType::new([ValType::I32], []);
            process.call_index(handler.function, &ty, &[word(arg)])?
        }
        None => process.call_index(handler.function, &FuncType::default(), &[])?,
    };
    Ok(())
}

impl Process {
    /// Runs the handlers of an instance, the last registered first.
    pub(super) fn run_handlers_of(&mut self, owner: u64) -> Result<(), Trap> {
        loop {
            let exit = &mut self.dl.exit;
            let Some(at) = exit.list.iter().rposition(|h| h.owner == owner) else {
                return Ok(());
            };
            let handler = exit.list.remove(at);
            exit.idle.push(handler.number);
            run(self, handler)?;
        }
    }
}
