//! The ABI laboratory: everything that it measures computes the same, what it
//! says of calls is how they are made, and its report stands alone. Times are
//! the machine's affair.

#![cfg(feature = "bench")]

mod abis;
#[path = "../common/mod.rs"]
mod common;
mod kernels;

use serde_json::Value;

use common::Sandbox;
use common::program::module;

fn read(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.path(name)).unwrap()
}

fn json(sandbox: &Sandbox, name: &str) -> Value {
    serde_json::from_str(&read(sandbox, name)).unwrap()
}

/// The contestants of a task, in order.
fn names(task: &Value) -> Vec<&str> {
    let series = task["series"].as_array().unwrap().iter();
    series.map(|s| s["contestant"].as_str().unwrap()).collect()
}

/// Whoever took part has so many times, and no error: all had to compute the same.
#[track_caller]
fn assert_measured(task: &Value, rounds: usize) {
    for series in task["series"].as_array().unwrap() {
        assert!(series["error"].is_null(), "{series:#}");
        let samples = series["samples"].as_array().unwrap();
        assert_eq!(samples.len(), rounds, "{series:#}");
        assert!(samples.iter().all(|s| s.as_f64().unwrap() > 0.0));
    }
}

fn count(task: &Value, contestant: &str, count: &str) -> Option<u64> {
    let mut series = task["series"].as_array().unwrap().iter();
    let found = series.find(|s| s["contestant"] == contestant).unwrap();
    Some(found["counts"][count].as_f64()? as u64)
}

/// Checks that every element is closed, and that attributes are quoted.
#[track_caller]
fn assert_well_formed(html: &str) {
    let body = html
        .strip_prefix("<!DOCTYPE html>")
        .expect("a document type");
    let (head, rest) = body.split_once("<style>").expect("a style");
    let (_, rest) = rest.split_once("</style>").expect("its end");
    let body = head.to_owned() + rest;
    let mut open: Vec<&str> = Vec::new();
    for part in body.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("a tag that ends");
        assert!(!text.contains('>'), "a > that is not escaped: {part}");
        for entity in text.split('&').skip(1) {
            let name = entity.split(';').next().unwrap();
            assert!(["amp", "lt", "gt", "quot"].contains(&name), "{part}");
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closed at: {part}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[track_caller]
fn assert_alone(html: &str) {
    for outside in [
        "http:", "https:", "src=", "<script", "<link", "@import", "url(",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    // To what it has itself.
    for (at, _) in html.match_indices("href=") {
        let target = html[at..].strip_prefix("href=\"#").unwrap();
        let (id, _) = target.split_once('"').unwrap();
        assert!(html.contains(&format!(" id=\"{id}\"")), "{id}");
    }
}

#[test]
fn kernels_are_measured_counted_and_drawn() {
    let sandbox = Sandbox::new();
    let args = [
        "bench", "call", "globals", "--rounds", "2", "--scale", "0.001", "--json", "j", "--html",
        "h", "--csv", "c", "--svg", "figures",
    ];
    let table = sandbox.wasmaot(&args).success();
    let report = json(&sandbox, "j");
    let [call, globals] = report["tasks"].as_array().unwrap().as_slice() else {
        panic!("two kernels: {report:#}");
    };
    for task in [call, globals] {
        assert_measured(task, 2);
        assert_eq!(names(task)[0], "native");
    }
    // Where data are matters where they are shared, and copies are made then.
    let between = ["lazy", "now", "noplt", "direct", "static", "table", "host"];
    for name in between
        .iter()
        .flat_map(|b| [format!("pie-{b}"), format!("fixed-{b}")])
    {
        assert!(
            names(call).contains(&&*name) && names(globals).contains(&&*name),
            "{name}"
        );
        assert!(table.contains(&name), "{table}");
    }
    assert!(!names(call).contains(&"fixedgot-now"));
    assert!(names(globals).contains(&"fixedgot-now"));

    // A line for each, with where the ratio lies.
    let csv = std::fs::read_to_string(sandbox.path("c")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    let contestants = names(call).len() + names(globals).len();
    assert_eq!(lines.len(), 1 + contestants, "{csv}");
    assert!(lines[0].starts_with("group,task,contestant,rounds,nanoseconds,ratio,low,high"));
    assert!(lines[1].starts_with("micro,call,native,2,"), "{csv}");
    assert!(call["about"].as_str().unwrap().contains("tiny function"));
    for name in ["date", "command", "kernel", "machine"] {
        assert!(report["setting"][name].is_string(), "{name}");
    }

    let figure = std::fs::read_to_string(sandbox.path("figures/micro-1.svg")).unwrap();
    assert!(figure.starts_with("<svg xmlns=") && figure.contains("<style>"));
    assert!(figure.contains("pie-direct"));

    // What is counted is of the variant.
    let of = |contestant, what| count(call, contestant, what).unwrap();
    assert_eq!(
        of("pie-lazy", "relocations") + 1,
        of("pie-now", "relocations")
    );
    for (contestant, patched) in [("pie-now", 0), ("pie-direct", 1), ("pie-static", 0)] {
        assert_eq!(of(contestant, "patched"), patched);
        assert_eq!(of(contestant, "text_pages"), patched);
    }
    assert!(of("pie-direct", "instructions") + 1 == of("pie-now", "instructions"));
    assert_eq!(of("so", "instructions"), of("pie-now", "instructions"));
    assert!(of("pie-static", "instructions") < of("pie-direct", "instructions"));
    assert!(of("pie-table", "instructions") > of("pie-now", "instructions"));
    assert_eq!(of("native", "instructions") + 1, of("so", "instructions"));
    assert_eq!(of("native", "relocations"), 0);
    assert!(of("pie-now", "text_bytes") > 0 && of("pie-now", "data_pages") > 0);

    // How it was compiled is said as one would ask for it.
    let compiled = report["setting"]["compiled"].as_str().unwrap();
    assert!(compiled.starts_with("-O2, CPU features: "), "{compiled}");

    let html = read(&sandbox, "h");
    assert_well_formed(&html);
    assert_alone(&html);
    // Everyone's marks, and a hot loop.
    for name in names(call) {
        assert!(html.contains(&format!("<title>{name}, call: ")), "{name}");
        assert!(html.contains(&format!("<title>{name}: ")), "{name}");
    }
    assert!(html.contains("call    add@plt"));
    assert!(html.contains("<a href=\"#loop-call-0\">"));
    assert!(html.contains("prefers-color-scheme: dark"));

    // A separate step draws the same.
    let again = sandbox.wasmaot(&["bench", "--from", "j", "--html", "h2"]);
    assert_eq!(again.success(), table);
    assert_eq!(read(&sandbox, "h2"), html);
}

#[test]
fn explaining_shows_how_calls_are_made() {
    let sandbox = Sandbox::new();
    // What has to be there, and what not.
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("native", &["call    add in main"], &["@plt", "GOT"]),
        (
            "so",
            &[
                "call    add@plt",
                "jmpq    *GOT[add](%rip)    # add in libkernel.so",
            ],
            &[],
        ),
        (
            "so-noplt",
            &["callq   *GOT[add](%rip)    # add in libkernel.so"],
            &["@plt"],
        ),
        ("one", &["loop of run in main.wasm"], &["call "]),
        (
            "pie-lazy",
            &[
                "call    add@plt",
                "jmpq    *GOT[add](%rip)    # add in lib.so",
            ],
            &[],
        ),
        (
            "pie-now",
            &[
                "call    add@plt",
                "jmpq    *GOT[add](%rip)    # add in lib.so",
            ],
            &[],
        ),
        ("pie-noplt", &["call    *%r", "# add in lib.so"], &["@plt"]),
        (
            "pie-direct",
            &["call    add in lib.so", "add in lib.so:"],
            &["@plt"],
        ),
        (
            "pie-static",
            &["loop of run in main.wasm"],
            &["call ", "lib.so"],
        ),
        // The identity of the type is compared.
        (
            "fixed-table",
            &["cmp     $0x", "call    *%r", "# add in lib.so"],
            &["@plt"],
        ),
        (
            "pie-host",
            &[
                "call    through-host.add@plt",
                "stub of the loader",
                "# the runtime",
            ],
            &[],
        ),
    ];
    for (variant, has, has_not) in cases {
        let keep = sandbox.path("kernels");
        let keep = ["--keep", keep.to_str().unwrap()];
        let args = [&["bench", "--explain", variant, "call"][..], &keep].concat();
        let text = sandbox.wasmaot(&args).success();
        assert!(text.starts_with(&format!("call, {variant}: ")), "{text}");
        for part in *has {
            assert!(text.contains(part), "{variant}, no `{part}`: {text}");
        }
        for part in *has_not {
            assert!(!text.contains(part), "{variant}, `{part}`: {text}");
        }
    }
}

/// A program that asks its library as often as it is told, and writes a line
/// with what the answers come to.
fn own(offset: i32, library: &str) -> String {
    let body = format!(
        r#"
        (import "env" "step" (func $step (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write"
          (func $write (param i32 i32 i32 i32) (result i32)))
        (func $run (export "run") (param $n i32) (result i32) (local $x i32)
          (local.set $x (i32.const {offset}))
          (loop $again
            (local.set $x (call $step (local.get $x)))
            (br_if $again
              (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (local.get $x))
        (func (export "twice") (result i64)
          (i64.extend_i32_s (call $run (i32.const 2))))
        (func (export "_start") (local $at i32)
          (local.set $at (global.get $memory_base))
          (i32.store (local.get $at) (i32.add (local.get $at) (i32.const 16)))
          (i32.store (i32.add (local.get $at) (i32.const 4)) (i32.const 4))
          (i32.store (i32.add (local.get $at) (i32.const 16)) (call $run (i32.const 1000)))
          (drop (call $write (i32.const 1) (local.get $at) (i32.const 1)
            (i32.add (local.get $at) (i32.const 8)))))
        "#
    );
    module(64, 0, &[library], &body)
}

const STEP: &str = r#"
    (func (export "step") (param i32) (result i32)
      (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 1)))
"#;

fn owned() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("main.wat", own(7, "lib.wat"));
    sandbox.write("lib.wat", module(0, 0, &[], STEP));
    sandbox
}

#[test]
fn modules_of_ones_own_are_measured_under_every_binding() {
    let sandbox = owned();
    let all = ["now", "lazy", "noplt", "direct", "static", "table", "host"];
    for more in [
        &["--n", "500"][..],
        &["--invoke", "twice"],
        &["--invoke", "_start"],
    ] {
        let args = [
            "bench", "--main", "main.wat", "--rounds", "2", "--json", "j", "--html", "h",
        ];
        let table = sandbox.wasmaot(&[&args, more].concat()).success();
        let report = json(&sandbox, "j");
        let task = &report["tasks"][0];
        assert_eq!(names(task), all, "{more:?}");
        assert_measured(task, 2);
        assert!(table.contains("× now"), "{table}");
        assert!(count(task, "direct", "patched") > Some(0), "{more:?}");
        assert_eq!(count(task, "now", "patched"), Some(0), "{more:?}");
        let html = read(&sandbox, "h");
        assert_well_formed(&html);
        assert_alone(&html);
    }
    let text = sandbox.wasmaot(&["bench", "--main", "main.wat", "--explain", "direct"]);
    let text = text.success();
    assert!(text.contains("call    step in lib.wat"), "{text}");
}

/// What a round leaves behind is gone in the next; the report may be read from
/// standard output.
#[test]
fn a_function_may_have_state() {
    let sandbox = Sandbox::new();
    let main = r#"
        (import "env" "next" (func $next (result i32)))
        (func (export "once") (result i32) (call $next))
        (func (export "run") (param $n i32) (result i32)
          (loop $again
            (drop (call $next))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
          (call $next))
    "#;
    let library = r#"
        (global $count (mut i32) (i32.const 0))
        (func (export "next") (result i32)
          (global.set $count (i32.add (global.get $count) (i32.const 1)))
          (global.get $count))
    "#;
    sandbox.write("main.wat", module(0, 0, &["lib.wat"], main));
    sandbox.write("lib.wat", module(0, 0, &[], library));
    for more in [&["--n", "100"][..], &["--invoke", "once"]] {
        let line = [
            "bench", "--main", "main.wat", "--rounds", "3", "--json", "-",
        ];
        let outcome = sandbox.wasmaot(&[&line, more].concat());
        assert!(outcome.stderr.contains("× now"), "{outcome:#?}");
        let report: Value = serde_json::from_str(&outcome.success()).unwrap();
        assert_measured(&report["tasks"][0], 3);
    }
    sandbox
        .wasmaot(&["bench", "--main", "main.wat", "--json", "-", "--html", "-"])
        .error(2, &["--json -", "--html -"]);
}

#[test]
fn builds_of_one_program_are_compared() {
    let sandbox = owned();
    std::fs::create_dir(sandbox.path("there")).unwrap();
    std::fs::rename(sandbox.path("lib.wat"), sandbox.path("there/lib.wat")).unwrap();
    sandbox.write("other.wat", own(7, "lib.wat"));
    let args = [
        "bench",
        "--main",
        "main.wat",
        "--main",
        "other.wat",
        "-L",
        "there",
        "--n",
        "100",
        "--rounds",
        "1",
        "--only",
        "main-now,other",
        "--json",
        "j",
    ];
    sandbox.wasmaot(&args).success();
    let report = json(&sandbox, "j");
    let task = &report["tasks"][0];
    assert_measured(task, 1);
    assert_eq!(names(task)[..3], ["main-now", "other-now", "other-lazy"]);

    // Files of one name are told apart by where they are.
    std::fs::copy(sandbox.path("main.wat"), sandbox.path("there/main.wat")).unwrap();
    let mut args2 = args;
    args2[4] = "there/main.wat";
    args2[12] = "main-now,there/main-direct";
    sandbox.wasmaot(&args2).success();
    let report = json(&sandbox, "j");
    assert_eq!(
        names(&report["tasks"][0]),
        ["main-now", "there/main-direct"]
    );

    // A build that computes something else is no build of the same program.
    sandbox.write("other.wat", own(8, "lib.wat"));
    let text = sandbox.wasmaot(&args).success();
    assert!(
        text.contains("failed: main/other-now, ") && text.contains(": its check-sum is "),
        "{text}"
    );
    let report = json(&sandbox, "j");
    assert_eq!(
        report["tasks"][0]["series"][1]["samples"],
        Value::Array(vec![])
    );
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let sandbox = owned();
    sandbox.write("none.wat", module(0, 0, &[], r#"(func (export "go"))"#));
    sandbox.write(
        "two.wat",
        module(0, 0, &[], r#"(func (export "run") (param i32 f64))"#),
    );
    sandbox.write("far.wat", own(7, "lib.wax"));
    sandbox.write("j", "{}x");
    sandbox.wasmaot(&["build", "lib.wat"]).success();
    let cases: &[(&[&str], i32, &[&str])] = &[
        (
            &["nothing"],
            2,
            &["no kernel `nothing`", "call callback", "--main"],
        ),
        (
            &["--explain", "pie-never"],
            1,
            &["no variant `pie-never`", "pie-now"],
        ),
        (
            &["call", "--only", "pie,nobody"],
            1,
            &["no variant `nobody`", "pie-now"],
        ),
        (
            &["--main", "none.wat"],
            1,
            &["none.wat", "neither `run` nor `_start`", "--invoke"],
        ),
        (
            &["--main", "none.wat", "--invoke", "run"],
            1,
            &["no function `run`", "go"],
        ),
        (
            &["--main", "two.wat"],
            1,
            &["two.wat", "`run` has to take", "(i32, f64)"],
        ),
        (
            &["--main", "far.wat"],
            1,
            &["far.wat", "needs lib.wax", "--lib", "-L"],
        ),
        (
            &["--main", "lib.wat.elf"],
            1,
            &["lib.wat.elf", "a built object", "the module"],
        ),
        (&["--main", "absent.wat"], 1, &["cannot read absent.wat"]),
        (
            &["--main", "main.wat", "--explain", "never"],
            2,
            &["no variant `never`", "direct"],
        ),
        (
            &["--main", "main.wat", "--dir", "absent"],
            1,
            &["--dir absent", "cannot open"],
        ),
        (&["--from", "j"], 1, &["j: is not what bench --json writes"]),
    ];
    for (args, code, parts) in cases {
        sandbox
            .wasmaot(&[&["bench"], *args].concat())
            .error(*code, parts);
    }
    for args in [
        &["call", "--main", "main.wat"][..],
        &["--lib", "lib.wat"],
        &["call", "--rounds", "0"],
        &["call", "--scale", "-1"],
    ] {
        let refused = sandbox.wasmaot(&[&["bench"], args].concat());
        assert_eq!(refused.code, Some(2), "{refused:?}");
    }
}

fn tool(name: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut all = std::env::split_paths(&path).map(|directory| directory.join(name));
    let found = all.find(|p| p.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing; see tests/run"))
}

#[test]
fn compilers_that_are_missing_are_named() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("bin")).unwrap();
    let bench = || {
        let args = [
            "bench", "call", "--rounds", "1", "--scale", "0.0001", "--only", "pie-now", "--json",
            "j",
        ];
        let mut command = sandbox.command(&args);
        command.env("PATH", sandbox.path("bin"));
        common::Outcome::from(command.output().unwrap())
    };
    bench().error(
        1,
        &["clang-22 is not installed", "apt-get install clang-22"],
    );
    for name in ["clang-22", "wasm-ld-22"] {
        let real = tool(name).canonicalize().unwrap();
        let real = if name == "clang-22" { real } else { tool(name) };
        std::os::unix::fs::symlink(real, sandbox.path("bin").join(name)).unwrap();
    }
    // Native baselines are only where there is a native compiler.
    let text = bench().success();
    let report = json(&sandbox, "j");
    assert_eq!(names(&report["tasks"][0]), ["one", "pie-now"]);
    assert!(
        report["absent"]["native"]
            .as_str()
            .unwrap()
            .contains("apt-get install gcc")
    );
    assert!(
        text.contains("absent: native: gcc is not installed"),
        "{text}"
    );
}

#[test]
fn kernels_and_variants_are_listed() {
    let sandbox = Sandbox::new();
    let text = sandbox.wasmaot(&["bench", "--list"]).success();
    for name in ["call", "sha256", "so-noplt", "fixed-host", "pie-static"] {
        let has = text.lines().any(|line| line.trim_start().starts_with(name));
        assert!(has, "{text}");
    }
}
