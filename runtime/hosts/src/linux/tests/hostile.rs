//! Whatever a program asks for, the host stays as it is.

use super::super::numbers::Sys;
use super::*;

/// Calls that may wait for long.
pub(super) const WAIT: &[Sys] = &[
    Sys::pause,
    Sys::nanosleep,
    Sys::clock_nanosleep,
    Sys::clock_nanosleep_time64,
    Sys::futex,
    Sys::futex_time64,
    Sys::poll,
    Sys::ppoll,
    Sys::ppoll_time64,
    Sys::select,
    Sys::_newselect,
    Sys::pselect6,
    Sys::pselect6_time64,
];

#[test]
fn every_call_answers_whatever_its_arguments() {
    for mut program in each() {
        let file = program.text("/data/x");
        let end = MEMORY as u64;
        let values = [
            0,
            1,
            3,
            64,
            file,
            end - 1,
            end,
            0x7fff_ffff,
            0xffff_ffff,
            0xffff_ff9c,
            u64::MAX,
        ];
        std::fs::write(program.host("x"), "content").unwrap();
        let mut state = 1_u64;
        let calls: Vec<Sys> = Sys::all()
            .filter(|sys| sys.number(program.abi).is_some() && !WAIT.contains(sys))
            .collect();
        for round in 0..200 {
            for &sys in &calls {
                let args = [(); 6].map(|()| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    values[(state >> 33) as usize % values.len()]
                });
                match program.run(sys, &args) {
                    Ok(_) | Err(HostError::Exit(_)) => {}
                    Err(other) => panic!("{sys:?} {args:?}, round {round}: {other:?}"),
                }
            }
        }
        let secret = std::fs::read(program.outer.path().join("secret")).unwrap();
        assert_eq!(secret, b"secret");
    }
}
