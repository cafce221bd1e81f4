//! Arguments and environment: lists of strings, each ended by a zero byte.

use super::call::Call;
use crate::errno::{Errno, Result};

/// `args_get`
pub(super) fn args_get(cx: &mut Call<'_>, pointers: u32, bytes: u32) -> Result {
    let state = cx.state;
    get(cx, &state.args, pointers, bytes)
}

/// `args_sizes_get`
pub(super) fn args_sizes_get(cx: &mut Call<'_>, count: u32, size: u32) -> Result {
    let state = cx.state;
    sizes_get(cx, &state.args, count, size)
}

/// `environ_get`
pub(super) fn environ_get(cx: &mut Call<'_>, pointers: u32, bytes: u32) -> Result {
    let state = cx.state;
    get(cx, &state.env, pointers, bytes)
}

/// `environ_sizes_get`
pub(super) fn environ_sizes_get(cx: &mut Call<'_>, count: u32, size: u32) -> Result {
    let state = cx.state;
    sizes_get(cx, &state.env, count, size)
}

fn get(cx: &mut Call<'_>, list: &[Vec<u8>], pointers: u32, bytes: u32) -> Result {
    let mut slot = u64::from(pointers);
    let mut at = u64::from(bytes);
    for string in list {
        let pointer = u32::try_from(at).map_err(|_| Errno::FAULT)?;
        cx.memory().write(slot, &pointer.to_le_bytes())?;
        cx.memory().write(at, string)?;
        slot += 4;
        at += string.len() as u64;
        cx.memory().write(at, &[0])?;
        at += 1;
    }
    Ok(())
}

fn sizes_get(cx: &mut Call<'_>, list: &[Vec<u8>], count: u32, size: u32) -> Result {
    let bytes: usize = list.iter().map(|string| string.len() + 1).sum();
    let number = |n: usize| u32::try_from(n).map_err(|_| Errno::OVERFLOW);
    cx.memory().write_u32(count, number(list.len())?)?;
    cx.memory().write_u32(size, number(bytes)?)
}
