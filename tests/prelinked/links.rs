//! Where the calls of a set lead, as it was made and with others in the place of
//! its members.

use super::*;

#[test]
fn calls_are_straight_and_code_is_shared() {
    let (config, lines) = traced();
    let mut program = load(&set(&modules()), &[], config).unwrap();
    run(&mut program);
    let main = calls(&program.process, "main");
    let expected = [
        ("sum", "lib!add"),
        ("tail", "lib!add"),
        ("asked", "lib!ask"),
    ];
    assert_eq!(pairs(&main), expected);
    assert_eq!(lead(&program, "lib"), ["other!more", "main!who"]);
    for name in ["main", "lib", "other"] {
        assert_eq!(code(&program, name), (true, 0), "{name}");
    }
    says(&lines, "calls of `add` in main: prelinked");
}

#[test]
fn another_binding_that_is_asked_for_is_given() {
    let objects = set(&modules());
    for bind in [Bind::Now, Bind::Lazy] {
        let mut program = load(&objects, &[], config(bind)).unwrap();
        let (same, changed) = code(&program, "main");
        assert!(!same && changed > 0, "{bind:?}: {changed} bytes");
        run(&mut program);
        assert_eq!(lead(&program, "main"), ["plt"; 3], "{bind:?}");
        assert_eq!(lead(&program, "lib"), ["plt"; 2], "{bind:?}");
    }
    // What is straight already is not changed.
    let objects = opened(&modules(), built_with(&modules(), &without_inlining()));
    let mut program = load(&objects, &[], config(Bind::Direct)).unwrap();
    run(&mut program);
    assert_eq!(lead(&program, "main"), ["lib!add", "lib!add", "lib!ask"]);
    assert_eq!(code(&program, "main"), (true, 0));
}

#[test]
fn an_interposer_gets_the_calls_of_its_symbols() {
    let text = r#"(func (export "add") (param i32 i32) (result i32)
        (i32.mul (local.get 0) (local.get 1)))"#;
    let preload = [object("pre", &module(0, 0, &[], text))];
    for bind in [Bind::Static, Bind::Now, Bind::Lazy, Bind::Direct] {
        let mut program = load(&set(&modules()), &preload, config(bind)).unwrap();
        assert_eq!(program.call("sum", &[5]), 0, "{bind:?}");
        assert_eq!(program.call("tail", &[6, 7]), 42, "{bind:?}");
        assert_eq!(program.call("asked", &[]), 1, "{bind:?}");
        if bind == Bind::Static {
            assert_eq!(lead(&program, "main"), ["plt", "plt", "lib!ask"]);
            assert_eq!(lead(&program, "lib"), ["other!more", "main!who"]);
            assert_eq!(
                code(&program, "lib"),
                (true, 0),
                "what it calls is as it was"
            );
        }
    }
}

#[test]
fn a_library_of_another_build_is_called_through_the_plt() {
    let mut objects = set(&modules());
    let text = LIBRARY.replace("i32.add", "i32.sub");
    objects[1] = object("lib", &module(0, 0, &["other"], &text));
    let (config, lines) = traced();
    let mut program = load(&objects, &[], config).unwrap();
    assert_eq!(program.call("tail", &[50, 8]), 42);
    assert_eq!(lead(&program, "main"), ["plt"; 3]);
    // It is not prelinked at all, and has few calls.
    assert_eq!(lead(&program, "lib"), ["other!more", "main!who"]);
    says(
        &lines,
        "main was prelinked with lib, which is another build now",
    );
    // The same in one set with another main: its records are of that.
    let mut other = modules();
    other[0].1 = module(
        0,
        0,
        &["lib"],
        &caller("", "").replace("(i32.const 1))", "(i32.const 1) nop)"),
    );
    let objects = [&set(&other)[..1], &set(&modules())[1..]].concat();
    let mut program = load(&objects, &[], program::config()).unwrap();
    run(&mut program);
    assert_eq!(lead(&program, "main"), ["plt"; 3]);
    let to = lead(&program, "lib");
    assert_eq!(to[1], "plt", "main is not where its record has it");
}

#[test]
fn members_may_be_missing_and_others_come_between() {
    let stranger = module(0, 0, &[], r#"(func (export "unused"))"#);
    let preload = [object("stranger", &stranger)];
    let mut program = load(&set(&modules()), &preload, program::config()).unwrap();
    run(&mut program);
    assert_eq!(lead(&program, "main"), ["lib!add", "lib!add", "lib!ask"]);
    // `other` is found elsewhere, as another build.
    let mut objects = set(&modules());
    objects[2] = object("other", &modules()[2].1);
    let mut program = load(&objects, &[], program::config()).unwrap();
    run(&mut program);
    assert_eq!(lead(&program, "main"), ["lib!add", "lib!add", "lib!ask"]);
    assert_eq!(lead(&program, "lib"), ["plt", "main!who"]);
}

/// A main that needs no library.
const ALONE: &str = r#"(func (export "who") (result i32) (i32.const 1))"#;

/// Opens `lib`, which calls that main then.
#[track_caller]
fn is_bound_anew_when_opened(mut program: Program) {
    let opened = program.process.open("lib", OpenFlags::default());
    let lib = opened.unwrap_or_else(|e| panic!("{e}"));
    let asked = program.process.invoke(lib, "ask", &[]).unwrap();
    assert_eq!(asked, [Val::I32(1)]);
    assert_eq!(lead(&program, "lib"), ["plt", "plt"]);
}

#[test]
fn an_opened_library_of_a_set_is_bound_anew() {
    let mut objects = set(&modules());
    let main = module(0, 0, &[], ALONE);
    objects[0] = object("main", &main);
    let program = load(&objects, &[], program::config()).unwrap();
    is_bound_anew_when_opened(program);
}

#[test]
fn a_member_that_is_opened_is_bound_anew_where_its_set_has_it() {
    // Nobody needs `lib`: it is given with the program when that is prelinked.
    let mut modules = modules();
    modules[0].1 = module(0, 0, &[], ALONE);
    let objects = set(&modules);
    let program = load(&objects, &[], program::config()).unwrap();
    is_bound_anew_when_opened(program);
}

#[test]
fn the_same_set_has_the_same_bytes() {
    assert_eq!(built(&modules()), built(&modules()));
    let mut other = modules();
    other[2].1 = other[2].1.replace("i32.eqz", "i32.clz");
    let ids = |set: &[Arc<Object>]| -> Vec<Vec<u8>> {
        set.iter().map(|o| o.build_id().to_vec()).collect()
    };
    let (these, those) = (ids(&set(&modules())), ids(&set(&other)));
    assert!(these.iter().zip(&those).all(|(a, b)| a != b), "all differ");
}
