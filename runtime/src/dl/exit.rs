//! What opened libraries register to be called at the end. The program's libc
//! knows nothing of libraries that go before: it would call what is gone. So
//! these functions are taken over for opened libraries, as glibc does it:
//!
//! - handlers of `atexit` and `__cxa_atexit` (so destructors, too) run when their
//!   library is closed;
//! - those of `at_quick_exit` go with it, and do not run;
//! - a library with destructors of `thread_local` objects stays until the
//!   thread ends, which for the only thread is the end of the program.
//!
//! The handler is kept here, and the libc is given one that asks here what is
//! left to be done.

use wasmaot_abi::object::SymbolKind;
use wasmaot_abi::types::{FuncType, ValType};

use super::MODULE;
use crate::host::{Caller, HostError, HostFunction};
use crate::link::{Target, table_index};
use crate::process::{Handler, Process};
use crate::trap::Trap;
use crate::value::Val;

/// Functions of which opened libraries get the loader's.
pub(super) const TAKEN_OVER: [&str; 5] = [
    CXA_ATEXIT,
    "atexit",
    AT_QUICK_EXIT,
    THREAD_ATEXIT[0],
    THREAD_ATEXIT[1],
];
const CXA_ATEXIT: &str = "__cxa_atexit";
const AT_QUICK_EXIT: &str = "at_quick_exit";
/// What compilers call for a destructor of a `thread_local` object, and what
/// that calls where it can.
pub(super) const THREAD_ATEXIT: [&str; 2] = ["__cxa_thread_atexit", "__cxa_thread_atexit_impl"];
/// What a handler counts as, of what the process may use: one of `quick_exit`
/// has a host function and its stub.
const HANDLER: u64 = 64;
const QUICK_HANDLER: u64 = 1024;
/// The owners of these bytes; nothing else has such addresses.
const AT_EXIT: u64 = 1;
const QUICK_EXIT: u64 = 2;
/// What libc calls at the end.
const AT_END: &str = "at_end";

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

/// `at_quick_exit` for opened libraries.
pub(super) fn at_quick_exit(caller: &mut Caller<'_>, function: u32) -> Result<i32, HostError> {
    let process = caller.process_mut()?;
    let Some(owner) = process.caller().map(|n| process.link.instances[n].serial) else {
        return Ok(-1);
    };
    let handler = Handler {
        number: 0,
        owner,
        function,
        arg: None,
    };
    let quick = &mut process.dl.exit.quick;
    if !process.space.budget.take(QUICK_EXIT, QUICK_HANDLER) {
        return Ok(-1);
    }
    match quick.iter_mut().rfind(|place| place.is_none()) {
        Some(place) => *place = Some(handler),
        None => {
            let place = quick.len();
            if !tell_libc_of_quick(process, place)? {
                return Ok(-1);
            }
            process.dl.exit.quick.push(Some(handler));
        }
    }
    Ok(0)
}

/// Has the program's libc call a function that runs the handler in a place.
fn tell_libc_of_quick(process: &mut Process, place: usize) -> Result<bool, HostError> {
    let ty = FuncType::new([ValType::I32], [ValType::I32]);
    let Some(libc) = defined(process, &process.link.scope, AT_QUICK_EXIT, &ty) else {
        // Without a libc nothing calls handlers at the end.
        return Ok(true);
    };
    // What libc calls gets no argument: each place has a function of its own.
    let name = format!("at_quick_end.{place}");
    let body = move |caller: &mut Caller<'_>, _: &[Val], _: &mut [Val]| {
        let process = caller.process_mut()?;
        let handler = process.dl.exit.quick.get_mut(place).and_then(Option::take);
        let ran = handler.map_or(Ok(()), |handler| run(process, handler));
        ran.map_err(HostError::from)
    };
    let function = HostFunction::new(MODULE, name, FuncType::default(), body);
    let target = Target::Host(process.hosts.len());
    process.hosts.add_stub(function);
    let index = table_index(&mut process.linker(), target)? as u32;
    let args = [Val::I32(index.cast_signed())];
    let called = process.call_target(libc, &ty, &args);
    let answer = called.map_err(HostError::from)?;
    Ok(answer == [Val::I32(0)])
}

/// The first definition of a function of that type in some objects.
fn defined(process: &Process, places: &[usize], name: &str, ty: &FuncType) -> Option<Target> {
    let (view, mut places) = (process.view(), places.iter());
    let found = places.find_map(|&n| view.export(n, name, SymbolKind::Function));
    found.filter(|&target| view.type_of(target) == Some(ty))
}

/// `__cxa_thread_atexit` for opened libraries: the program's own, or a handler
/// of the end where it has none.
pub(super) fn thread_atexit<const NUMBER: usize>(
    caller: &mut Caller<'_>,
    function: u32,
    arg: u32,
    dso: u32,
) -> Result<i32, HostError> {
    let process = caller.process_mut()?;
    let by = process.caller();
    let Some(owner) = process.instance_of_data(dso).or(by) else {
        return Ok(-1);
    };
    process.link.instances[owner].refs.always = true;
    let ty = FuncType::new([ValType::I32; 3], [ValType::I32]);
    let seen = process.link.seen_by(by.unwrap_or(owner));
    let Some(target) = defined(process, &seen, THREAD_ATEXIT[NUMBER], &ty) else {
        return register(process, Some(owner), function, Some(arg));
    };
    let args = [function, arg, dso].map(|v| Val::I32(v.cast_signed()));
    let called = process.call_target(target, &ty, &args);
    match called.map_err(HostError::from)?[..] {
        [Val::I32(answer)] => Ok(answer),
        _ => Ok(0),
    }
}

fn register(
    process: &mut Process,
    owner: Option<usize>,
    function: u32,
    arg: Option<u32>,
) -> Result<i32, HostError> {
    let Some(owner) = owner.map(|n| process.link.instances[n].serial) else {
        return Ok(-1);
    };
    if !process.space.budget.take(AT_EXIT, HANDLER) {
        return Ok(-1);
    }
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
    let libc = defined(process, &process.link.scope, CXA_ATEXIT, &ty);
    let at_end = process.hosts.find(MODULE, AT_END).map(Target::Host);
    let (Some(libc), Some(at_end)) = (libc, at_end) else {
        // Without a libc nothing calls handlers at the end.
        return Ok(());
    };
    let index = table_index(&mut process.linker(), at_end)? as u32;
    let args = [index, number, 0].map(|v| Val::I32(v.cast_signed()));
    let called = process.call_target(libc, &ty, &args);
    called.map(|_| ()).map_err(HostError::from)
}

/// What libc calls.
pub(super) fn at_end(caller: &mut Caller<'_>, number: u32) -> Result<(), HostError> {
    let process = caller.process_mut()?;
    let list = &mut process.dl.exit.list;
    let Some(at) = list.iter().position(|h| h.number == number) else {
        return Ok(());
    };
    let handler = list.remove(at);
    process.space.budget.give_back(AT_EXIT, HANDLER);
    run(process, handler).map_err(HostError::from)
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
    /// Runs the handlers of an instance, the last registered first; those of
    /// `quick_exit` go as they are.
    pub(super) fn run_handlers_of(&mut self, owner: u64) -> Result<(), Trap> {
        for place in &mut self.dl.exit.quick {
            if place.take_if(|handler| handler.owner == owner).is_some() {
                self.space.budget.give_back(QUICK_EXIT, QUICK_HANDLER);
            }
        }
        loop {
            let exit = &mut self.dl.exit;
            let Some(at) = exit.list.iter().rposition(|h| h.owner == owner) else {
                return Ok(());
            };
            let handler = exit.list.remove(at);
            exit.idle.push(handler.number);
            self.space.budget.give_back(AT_EXIT, HANDLER);
            run(self, handler)?;
        }
    }
}
