//! The host's own C library for flat programs (`abi/flat.md`): what their
//! modules do not bring.

use std::cmp::Ordering;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use wasmaot_abi::name::ENV;

use wasmaot_runtime::{Caller, HostError, HostFunction};

use crate::lock::lock;
use crate::wait::interruptible;

/// Where the host's `malloc` begins, unless data lie there.
const HEAP: u64 = 16 << 10;
const ALIGN: u64 = 16;

/// What the functions share.
struct State {
    out: Mutex<Box<dyn Write + Send>>,
    /// Where the next block goes; 0 before the first.
    heap: Mutex<u64>,
    /// Descriptors handed out.
    descriptors: AtomicI32,
}

type Shared = Arc<State>;
type Answer<T> = Result<T, HostError>;

/// The functions of module `env`, which write to `out`.
pub fn functions(out: impl Write + Send + 'static) -> Vec<HostFunction> {
    let state = Arc::new(State {
        out: Mutex::new(Box::new(out)),
        heap: Mutex::new(0),
        descriptors: AtomicI32::new(3),
    });
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

/// Refuses bytes that are not the program's.
fn check(caller: &mut Caller<'_>, at: u32, len: u32) -> Answer<()> {
    let checked = caller.view().check(at.into(), len.into());
    checked.map_err(|_| error(&format!("{len} bytes at {at:#x} are outside of memory")))
}

fn endless(at: u32) -> HostError {
    error(&format!("a string at {at:#x} that has no end"))
}

/// A string of the program, without its end.
fn string(caller: &mut Caller<'_>, at: u32) -> Answer<Vec<u8>> {
    let text = caller.view().read_text(at.into(), usize::MAX);
    text.map_err(|_| endless(at))
}

/// Bytes that are copied at a time to be looked at.
const STEP: usize = 256;

/// Looks at the bytes of a string, the zero at its end too, each with how many
/// were before, until something is found.
fn scan<T>(
    caller: &mut Caller<'_>,
    at: u32,
    mut look: impl FnMut(u32, u8) -> Option<T>,
) -> Answer<T> {
    let view = caller.view();
    let mut done = 0_u32;
    loop {
        let from = u64::from(at) + u64::from(done);
        let mut step = [0; STEP];
        let step = &mut step[..view.len().saturating_sub(from).min(STEP as u64) as usize];
        if step.is_empty() || view.read(from, step).is_err() {
            return Err(endless(at));
        }
        for (i, &byte) in (done..).zip(&*step) {
            match look(i, byte) {
                Some(found) => return Ok(found),
                None if byte == 0 => return Err(endless(at)),
                None => {}
            }
        }
        let end = done.checked_add(step.len() as u32);
        done = end.ok_or_else(|| endless(at))?;
    }
}

/// The length of a string; no more than `most`.
fn length(caller: &mut Caller<'_>, at: u32, most: u32) -> Answer<u32> {
    match most {
        0 => Ok(0),
        most => scan(caller, at, |i, byte| match byte {
            0 => Some(i),
            _ => (i + 1 == most).then_some(most),
        }),
    }
}

/// Compares up to `most` bytes, of strings no more than those.
fn compare(caller: &mut Caller<'_>, a: u32, b: u32, most: u32, strings: bool) -> Answer<i32> {
    let view = caller.view();
    let left = |at: u64| view.len().saturating_sub(at);
    let mut done = 0_u64;
    while done < most.into() {
        let (from, other) = (u64::from(a) + done, u64::from(b) + done);
        let len = left(from).min(left(other));
        let len = len.min(u64::from(most) - done).min(STEP as u64) as usize;
        let (mut one, mut two) = ([0; STEP], [0; STEP]);
        let (one, two) = (&mut one[..len], &mut two[..len]);
        if len == 0 || view.read(from, one).is_err() || view.read(other, two).is_err() {
            return Err(endless(if left(from) == 0 { a } else { b }));
        }
        for (one, two) in one.iter().zip(&*two) {
            match one.cmp(two) {
                Ordering::Less => return Ok(-1),
                Ordering::Greater => return Ok(1),
                Ordering::Equal if strings && *one == 0 => return Ok(0),
                Ordering::Equal => {}
            }
        }
        done += len as u64;
    }
    Ok(0)
}

/// Copies within memory; what overlaps is as if it were copied all at once.
fn copy(caller: &mut Caller<'_>, to: u32, from: u32, len: u32) -> Answer<()> {
    check(caller, to, len)?;
    check(caller, from, len)?;
    let copied = caller
        .view()
        .copy_within(from.into(), to.into(), len.into());
    copied.map_err(HostError::new)
}

/// Sets bytes.
fn fill(caller: &mut Caller<'_>, at: u32, len: u32, byte: u8) -> Answer<()> {
    check(caller, at, len)?;
    let filled = caller.view().fill(at.into(), len.into(), byte);
    filled.map_err(HostError::new)
}

/// Address of a byte of a string, or of its end; 0 if it is not there.
fn find(caller: &mut Caller<'_>, at: u32, byte: i32, last: bool) -> Answer<u32> {
    let wanted = byte as u8;
    let mut found = 0;
    scan(caller, at, |i, byte| {
        if byte == wanted {
            found = at.wrapping_add(i);
        }
        (byte == 0 || (!last && byte == wanted)).then_some(())
    })?;
    Ok(found)
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
            fill(c, to, n, byte as u8).map(|()| to)
        }),
        HostFunction::wrap(ENV, "memcmp", |c: C<'_, '_>, a: u32, b: u32, n: u32| {
            check(c, a, n)?;
            check(c, b, n)?;
            compare(c, a, b, n, false)
        }),
        HostFunction::wrap(ENV, "strlen", |c: C<'_, '_>, at: u32| {
            length(c, at, u32::MAX)
        }),
        HostFunction::wrap(ENV, "strcpy", |c: C<'_, '_>, to: u32, from: u32| {
            let len = length(c, from, u32::MAX)?.checked_add(1);
            let len = len.ok_or_else(|| error("a string of 4 GiB"))?;
            copy(c, to, from, len).map(|()| to)
        }),
        HostFunction::wrap(
            ENV,
            "strncpy",
            |c: C<'_, '_>, to: u32, from: u32, n: u32| {
                check(c, to, n)?;
                let len = length(c, from, n)?;
                copy(c, to, from, len)?;
                fill(c, to.wrapping_add(len), n - len, 0).map(|()| to)
            },
        ),
        HostFunction::wrap(ENV, "strcmp", |c: C<'_, '_>, a: u32, b: u32| {
            compare(c, a, b, u32::MAX, true)
        }),
        HostFunction::wrap(ENV, "strncmp", |c: C<'_, '_>, a: u32, b: u32, n: u32| {
            compare(c, a, b, n, true)
        }),
        HostFunction::wrap(ENV, "strchr", |c: C<'_, '_>, at: u32, byte: i32| {
            find(c, at, byte, false)
        }),
        HostFunction::wrap(ENV, "strrchr", |c: C<'_, '_>, at: u32, byte: i32| {
            find(c, at, byte, true)
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
    let mut heap = lock(&state.heap);
    // The base is what main's `__heap_base` says, which may be anything.
    let start = heap.max(HEAP).max(base);
    let block = || {
        let at = u32::try_from(start.checked_next_multiple_of(ALIGN)?).ok()?;
        Some((at, u64::from(at) + u64::from(bytes)))
    };
    let Some((at, end)) = block() else {
        return Ok(0);
    };
    let size = caller.view().len();
    if end > size && caller.grow_memory(end - size).is_none() {
        return Ok(0);
    }
    *heap = end;
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
            let mut line = string(c, at)?;
            line.push(b'\n');
            print(&puts, &line).map(|()| 0)
        }),
        HostFunction::wrap(ENV, "putchar", move |_: &mut Caller<'_>, c: i32| {
            print(&putchar, &[c as u8]).map(|()| c)
        }),
        HostFunction::wrap(
            ENV,
            "open",
            move |_: &mut Caller<'_>, _: u32, _: i32, _: i32| {
                open.descriptors.fetch_add(1, Relaxed)
            },
        ),
        HostFunction::wrap(ENV, "close", move |_: &mut Caller<'_>, _: i32| {
            close.descriptors.fetch_sub(1, Relaxed);
            0
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
    let mut out = lock(&state.out);
    let mut write = || {
        let mut rest = text;
        while !rest.is_empty() {
            match interruptible(|| out.write(rest))? {
                0 => return Err(ErrorKind::WriteZero.into()),
                done => rest = &rest[done..],
            }
        }
        interruptible(|| out.flush())
    };
    write().map_err(|e: std::io::Error| error(&format!("cannot write: {e}")))
}
