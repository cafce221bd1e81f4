//! The host's own C library for flat programs (`abi/flat.md`): what their
//! modules do not bring.

use std::io::Write;
use std::sync::{Arc, Mutex};

use wasmaot_abi::name::ENV;

use wasmaot_runtime::{Caller, HostError, HostFunction};

/// Where the host's `malloc` begins, unless data lie there.
const HEAP: u64 = 16 << 10;
const ALIGN: u64 = 16;

/// What the functions share.
struct State {
    out: Box<dyn Write + Send>,
    /// Where the next block goes; 0 before the first.
    heap: u64,
    /// Descriptors handed out.
    descriptors: i32,
}

type Shared = Arc<Mutex<State>>;
type Answer<T> = Result<T, HostError>;

/// The functions of module `env`, which write to `out`.
pub fn functions(out: impl Write + Send + 'static) -> Vec<HostFunction> {
    let state = Arc::new(Mutex::new(State {
        out: Box::new(out),
        heap: 0,
        descriptors: 3,
    }));
    let mut all = strings();
    all.extend(characters());
    all.extend(numbers());
    all.extend(memory(&state));
    all.extend(system(&state));
    all
}

fn error(text: &str) -> HostError {
    HostError::Message(text.to_owned())
}

fn lock(state: &Shared) -> Answer<std::sync::MutexGuard<'_, State>> {
    state
        .lock()
        .map_err(|_| error("the host's libc has failed before"))
}

/// Bytes of the program.
fn bytes<'a>(caller: &'a Caller<'_>, at: u32, len: u32) -> Answer<&'a [u8]> {
    let range = at as usize..at as usize + len as usize;
    let found = caller.memory().get(range);
    found.ok_or_else(|| error(&format!("{len} bytes at {at:#x} are outside of memory")))
}

/// A string of the program, without its end.
fn string<'a>(caller: &'a Caller<'_>, at: u32) -> Answer<&'a [u8]> {
    let rest = caller.memory().get(at as usize..).unwrap_or_default();
    let end = rest.iter().position(|&b| b == 0);
    let end = end.ok_or_else(|| error(&format!("a string at {at:#x} that has no end")))?;
    Ok(&rest[..end])
}

/// Copies within memory; what overlaps is as if it were copied all at once.
fn copy(caller: &mut Caller<'_>, to: u32, from: u32, len: u32) -> Answer<()> {
    bytes(caller, to, len)?;
    bytes(caller, from, len)?;
    let range = from as usize..from as usize + len as usize;
    caller.memory_mut().copy_within(range, to as usize);
    Ok(())
}

fn order(a: &[u8], b: &[u8]) -> i32 {
    match a.cmp(b) {
        std::cmp::Ordering::Less => -1,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => 1,
    }
}

/// The first `n` bytes, or all.
fn first(bytes: &[u8], n: u32) -> &[u8] {
    &bytes[..bytes.len().min(n as usize)]
}

/// Address of a byte of a string, or of its end; 0 if it is not there.
fn find(at: u32, text: &[u8], byte: i32, last: bool) -> u32 {
    let byte = byte as u8;
    if byte == 0 {
        return at.wrapping_add(text.len() as u32);
    }
    let found = match last {
        true => text.iter().rposition(|&b| b == byte),
        false => text.iter().position(|&b| b == byte),
    };
    found.map_or(0, |n| at.wrapping_add(n as u32))
}

fn strings() -> Vec<HostFunction> {
    type C<'a, 'b> = &'a mut Caller<'b>;
    vec![
        HostFunction::wrap(ENV, "memcpy", |c: C<'_, '_>, to: u32, from: u32, n: u32| {
            copy(c, to, from, n).map(|()| to)
        }),
        HostFunction::wrap(
            ENV,
            "memmove",
            |c: C<'_, '_>, to: u32, from: u32, n: u32| copy(c, to, from, n).map(|()| to),
        ),
        HostFunction::wrap(
            ENV,
            "mempcpy",
            |c: C<'_, '_>, to: u32, from: u32, n: u32| {
                copy(c, to, from, n).map(|()| to.wrapping_add(n))
            },
        ),
        HostFunction::wrap(ENV, "memset", |c: C<'_, '_>, to: u32, byte: i32, n: u32| {
            bytes(c, to, n)?;
            c.memory_mut()[to as usize..to as usize + n as usize].fill(byte as u8);
            Answer::Ok(to)
        }),
        HostFunction::wrap(ENV, "memcmp", |c: C<'_, '_>, a: u32, b: u32, n: u32| {
            Answer::Ok(order(bytes(c, a, n)?, bytes(c, b, n)?))
        }),
        HostFunction::wrap(ENV, "strlen", |c: C<'_, '_>, at: u32| {
            Answer::Ok(string(c, at)?.len() as u32)
        }),
        HostFunction::wrap(ENV, "strcpy", |c: C<'_, '_>, to: u32, from: u32| {
            let len = u32::try_from(string(c, from)?.len() + 1);
            let len = len.map_err(|_| error("a string of 4 GiB"))?;
            copy(c, to, from, len).map(|()| to)
        }),
        HostFunction::wrap(
            ENV,
            "strncpy",
            |c: C<'_, '_>, to: u32, from: u32, n: u32| {
                bytes(c, to, n)?;
                let len = first(string(c, from)?, n).len() as u32;
                copy(c, to, from, len)?;
                let (start, n) = (to as usize, n as usize);
                let rest = start + len as usize..start + n;
                c.memory_mut()[rest].fill(0);
                Answer::Ok(to)
            },
        ),
        HostFunction::wrap(ENV, "strcmp", |c: C<'_, '_>, a: u32, b: u32| {
            Answer::Ok(order(string(c, a)?, string(c, b)?))
        }),
        HostFunction::wrap(ENV, "strncmp", |c: C<'_, '_>, a: u32, b: u32, n: u32| {
            Answer::Ok(order(first(string(c, a)?, n), first(string(c, b)?, n)))
        }),
        HostFunction::wrap(ENV, "strchr", |c: C<'_, '_>, at: u32, byte: i32| {
            Answer::Ok(find(at, string(c, at)?, byte, false))
        }),
        HostFunction::wrap(ENV, "strrchr", |c: C<'_, '_>, at: u32, byte: i32| {
            Answer::Ok(find(at, string(c, at)?, byte, true))
        }),
    ]
}

/// `<ctype.h>` of the C locale.
fn characters() -> Vec<HostFunction> {
    type Test = (&'static str, fn(&u8) -> bool);
    let tests: [Test; 12] = [
        ("isalnum", u8::is_ascii_alphanumeric),
        ("isalpha", u8::is_ascii_alphabetic),
        ("isblank", |c| matches!(c, b' ' | b'\t')),
        ("iscntrl", u8::is_ascii_control),
        ("isdigit", u8::is_ascii_digit),
        ("isgraph", u8::is_ascii_graphic),
        ("islower", u8::is_ascii_lowercase),
        ("isprint", |c| matches!(c, 0x20..0x7f)),
        ("ispunct", u8::is_ascii_punctuation),
        ("isspace", |c| matches!(c, b' ' | b'\t'..=b'\r')),
        ("isupper", u8::is_ascii_uppercase),
        ("isxdigit", u8::is_ascii_hexdigit),
    ];
    let test = |(name, is): Test| {
        HostFunction::wrap(ENV, name, move |_: &mut Caller<'_>, c: i32| {
            i32::from(u8::try_from(c).is_ok_and(|c| is(&c)))
        })
    };
    type Change = (&'static str, fn(&u8) -> u8);
    let changes: [Change; 2] = [
        ("tolower", u8::to_ascii_lowercase),
        ("toupper", u8::to_ascii_uppercase),
    ];
    let change = |(name, to): Change| {
        HostFunction::wrap(ENV, name, move |_: &mut Caller<'_>, c: i32| {
            u8::try_from(c).map_or(c, |byte| to(&byte).into())
        })
    };
    tests
        .into_iter()
        .map(test)
        .chain(changes.map(change))
        .collect()
}

/// `<math.h>`, and `abs`.
fn numbers() -> Vec<HostFunction> {
    type One = (&'static str, fn(f64) -> f64);
    let one: [One; 20] = [
        ("acos", f64::acos),
        ("asin", f64::asin),
        ("atan", f64::atan),
        ("cbrt", f64::cbrt),
        ("ceil", f64::ceil),
        ("cos", f64::cos),
        ("cosh", f64::cosh),
        ("exp", f64::exp),
        ("exp2", f64::exp2),
        ("fabs", f64::abs),
        ("floor", f64::floor),
        ("log", f64::ln),
        ("log10", f64::log10),
        ("log2", f64::log2),
        ("round", f64::round),
        ("sin", f64::sin),
        ("sinh", f64::sinh),
        ("sqrt", f64::sqrt),
        ("tan", f64::tan),
        ("trunc", f64::trunc),
    ];
    let of_one =
        |(name, f): One| HostFunction::wrap(ENV, name, move |_: &mut Caller<'_>, x: f64| f(x));
    type Two = (&'static str, fn(f64, f64) -> f64);
    let two: [Two; 4] = [
        ("atan2", f64::atan2),
        ("fmod", |x, y| x % y),
        ("hypot", f64::hypot),
        ("pow", f64::powf),
    ];
    let of_two = |(name, f): Two| {
        HostFunction::wrap(ENV, name, move |_: &mut Caller<'_>, x: f64, y: f64| f(x, y))
    };
    let abs = HostFunction::wrap(ENV, "abs", |_: &mut Caller<'_>, x: i32| x.wrapping_abs());
    let all = one.map(of_one).into_iter().chain(two.map(of_two));
    all.chain([abs]).collect()
}

/// Takes bytes of the heap, which only grows: their address, or 0.
fn allocate(caller: &mut Caller<'_>, state: &Shared, bytes: u32) -> Answer<u32> {
    let Some(base) = caller.heap_base() else {
        return Ok(0);
    };
    let mut state = lock(state)?;
    // The base is what main's `__heap_base` says, which may be anything.
    let start = state.heap.max(HEAP).max(base);
    let block = || {
        let at = u32::try_from(start.checked_next_multiple_of(ALIGN)?).ok()?;
        Some((at, u64::from(at) + u64::from(bytes)))
    };
    let Some((at, end)) = block() else {
        return Ok(0);
    };
    let size = caller.memory().len() as u64;
    if end > size && caller.grow_memory(end - size).is_none() {
        return Ok(0);
    }
    state.heap = end;
    Ok(at)
}

fn memory(state: &Shared) -> Vec<HostFunction> {
    let with = || Arc::clone(state);
    let (one, two, three, four) = (with(), with(), with(), with());
    vec![
        HostFunction::wrap(ENV, "malloc", move |c: &mut Caller<'_>, n: u32| {
            allocate(c, &one, n)
        }),
        HostFunction::wrap(
            ENV,
            "calloc",
            move |c: &mut Caller<'_>, n: u32, each: u32| {
                // Memory that was never given out is zero.
                match n.checked_mul(each) {
                    Some(bytes) => allocate(c, &two, bytes),
                    None => Ok(0),
                }
            },
        ),
        HostFunction::wrap(
            ENV,
            "realloc",
            move |c: &mut Caller<'_>, old: u32, n: u32| match (old, n) {
                (_, 0) => Ok(0),
                (0, n) => allocate(c, &three, n),
                _ => Err(error(
                    "realloc of a block: not in the host's libc; link your own",
                )),
            },
        ),
        HostFunction::wrap(ENV, "free", |_: &mut Caller<'_>, _: u32| ()),
        HostFunction::wrap(
            ENV,
            "mmap",
            move |c: &mut Caller<'_>, _: u32, n: u32, _: i32, flags: i32, _: i32, _: u64| {
                const ANONYMOUS: i32 = 0x20;
                if flags & ANONYMOUS == 0 {
                    return Answer::Ok(u32::MAX);
                }
                let at = allocate(c, &four, n)?;
                Ok(if at == 0 { u32::MAX } else { at })
            },
        ),
    ]
}

fn system(state: &Shared) -> Vec<HostFunction> {
    let with = || Arc::clone(state);
    let (puts, putchar, open, close) = (with(), with(), with(), with());
    let mut all = vec![
        HostFunction::wrap(ENV, "puts", move |c: &mut Caller<'_>, at: u32| {
            print(&puts, string(c, at)?)?;
            print(&puts, b"\n").map(|()| 0)
        }),
        HostFunction::wrap(ENV, "putchar", move |_: &mut Caller<'_>, c: i32| {
            print(&putchar, &[c as u8]).map(|()| c)
        }),
        HostFunction::wrap(
            ENV,
            "open",
            move |_: &mut Caller<'_>, _: u32, _: i32, _: i32| {
                let mut state = lock(&open)?;
                let descriptor = state.descriptors;
                state.descriptors = descriptor.wrapping_add(1);
                Answer::Ok(descriptor)
            },
        ),
        HostFunction::wrap(ENV, "close", move |_: &mut Caller<'_>, _: i32| {
            let mut state = lock(&close)?;
            state.descriptors = state.descriptors.wrapping_sub(1);
            Answer::Ok(0)
        }),
        HostFunction::wrap(ENV, "abort", |_: &mut Caller<'_>| {
            Answer::<()>::Err(error("abort()"))
        }),
        HostFunction::wrap(ENV, "isatty", |_: &mut Caller<'_>, _: i32| 0),
        // SIG_ERR.
        HostFunction::wrap(ENV, "signal", |_: &mut Caller<'_>, _: i32, _: u32| -1),
    ];
    for name in ["exit", "_Exit", "_exit"] {
        let exit = |_: &mut Caller<'_>, code: i32| Answer::<()>::Err(HostError::Exit(code));
        all.push(HostFunction::wrap(ENV, name, exit));
    }
    for name in [
        "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid",
    ] {
        all.push(HostFunction::wrap(ENV, name, |_: &mut Caller<'_>| 0));
    }
    all
}

fn print(state: &Shared, text: &[u8]) -> Answer<()> {
    let out = &mut lock(state)?.out;
    let written = out.write_all(text).and_then(|()| out.flush());
    written.map_err(|e| error(&format!("cannot write: {e}")))
}
