//! What `WASMAOT_DEBUG=syscalls` shows: a line for each call, as `strace` has it.

use std::fmt::Write as _;

use super::call::{Call, PATH_MAX};
use super::error::{self, Error, Result};
use super::mount::AT_FDCWD;
use super::numbers::{Abi, Sys};
use super::offered::Offer;
use super::thread::MAIN;
use wasmaot_runtime::{Caller, Category};

/// Longest text that is shown.
const TEXT: usize = 64;

/// Reports a call that is done.
pub(super) fn report(
    call: &mut Call<'_>,
    sys: Option<Sys>,
    number: u64,
    offer: Option<&Offer>,
    outcome: &Result,
) {
    call.caller.trace(Category::Syscalls, |caller| {
        let name = match sys {
            Some(sys) => sys.name().to_owned(),
            None => format!("syscall_{number}"),
        };
        let (arguments, answer) = match offer {
            Some(offer) => offer.shape.split_once('>').unwrap_or((offer.shape, "d")),
            None => ("xxxxxx", "d"),
        };
        let number = caller.thread_id();
        let mut line = match number != MAIN || caller.has_threads() {
            true => format!("[{number}] {name}("),
            false => name + "(",
        };
        let mut rest = &call.args[..];
        for (i, kind) in arguments.chars().enumerate() {
            let (words, value) = match (rest, call.abi) {
                ([low, high, ..], Abi::I386) if kind == 'l' => (2, low & 0xffff_ffff | high << 32),
                ([value, ..], _) => (1, *value),
                ([], _) => break,
            };
            rest = &rest[words..];
            if i > 0 {
                line.push_str(", ");
            }
            argument(&mut line, caller, kind, value);
        }
        line.push_str(") = ");
        answer_of(&mut line, answer, outcome);
        line
    });
}

/// Adds an argument as its kind is shown.
fn argument(line: &mut String, caller: &mut Caller<'_>, kind: char, value: u64) {
    let low = value as u32;
    let done = match kind {
        'a' if low.cast_signed() == AT_FDCWD => write!(line, "AT_FDCWD"),
        'a' | 'd' => write!(line, "{}", low.cast_signed()),
        'l' => write!(line, "{}", value.cast_signed()),
        'u' => write!(line, "{low}"),
        'o' => write!(line, "{low:#o}"),
        's' => match text(caller, low) {
            Some(text) => write!(line, "{text:?}"),
            None => write!(line, "{low:#x}"),
        },
        'p' if low == 0 => write!(line, "NULL"),
        _ => write!(line, "{low:#x}"),
    };
    // Writing to a string cannot fail.
    let _ = done;
}

/// The text at an address, shortened.
fn text(caller: &mut Caller<'_>, at: u32) -> Option<String> {
    let text = caller.view().read_text(at.into(), PATH_MAX).ok()?;
    let shown = String::from_utf8_lossy(&text[..text.len().min(TEXT)]).into_owned();
    Some(shown)
}

fn answer_of(line: &mut String, kind: &str, outcome: &Result) {
    let done = match outcome {
        Ok(value) if kind == "x" => write!(line, "{value:#x}"),
        Ok(value) => write!(line, "{}", value.cast_signed()),
        Err(Error::Number(number)) => match error::name(*number) {
            Some(name) => write!(line, "-1 {name}"),
            None => write!(line, "-1 errno {number}"),
        },
        Err(Error::End(_)) => write!(line, "?"),
    };
    // As above.
    let _ = done;
}
