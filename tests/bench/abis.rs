//! What ABIs cost, as it is counted, and the report that is made of it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use wasmaot_lab::abi_report::versus;
use wasmaot_lab::report::Report;

use crate::common::Sandbox;
use crate::{assert_alone, assert_well_formed, count, json, names, read};

fn task<'r>(report: &'r Value, name: &str) -> &'r Value {
    let mut tasks = report["tasks"].as_array().unwrap().iter();
    let found = tasks.find(|task| task["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {report:#}"))
}

/// 512 functions, each called from one place.
#[test]
fn abis_are_compared_with_what_each_costs() {
    let sandbox = Sandbox::new();
    let args = [
        "bench",
        "--abi",
        "functions",
        "--rounds",
        "1",
        "--scale",
        "0.0001",
        "--only",
        "so-now,one,pie-lazy,pie-now,pie-direct,dyninfo",
        "--json",
        "j",
        "--csv",
        "c",
        "--html",
        "h",
    ];
    let text = sandbox.wasmaot(&args).success();
    let report = json(&sandbox, "j");
    let functions = task(&report, "functions");
    let of = |abi, what| count(functions, abi, what).unwrap_or_else(|| panic!("{abi}: {what}"));
    let jump_slot = "relocation R_X86_64_JUMP_SLOT";
    for (abi, kind) in [
        ("pie-lazy", jump_slot),
        ("pie-now", jump_slot),
        ("pie-direct", jump_slot),
        ("dyninfo-table", "relocation dyninfo refun"),
    ] {
        assert_eq!(of(abi, kind), 512, "{abi}");
    }
    // With those of the C library's functions that the harness calls.
    assert!((512..540).contains(&of("so-now", jump_slot)));
    for (abi, at_start, plt, patched) in [
        ("pie-lazy", 0, 16 * 513, 0),
        ("pie-now", 512, 16 * 513, 0),
        ("pie-direct", 512, 16 * 513, 512),
        ("one", 0, 0, 0),
    ] {
        assert_eq!(of(abi, "relocations"), at_start, "{abi}");
        assert_eq!(of(abi, "plt_bytes"), plt, "{abi}");
        assert_eq!(of(abi, "patched"), patched, "{abi}");
        assert_eq!(of(abi, "text_pages") > 0, patched > 0, "{abi}");
    }
    assert!(of("pie-now", "got_bytes") >= 8 * 512);
    assert!(of("one", "got_bytes") < 8 * 512);

    // Whole processes.
    let start = task(&report, "start");
    for abi in ["so-now", "one", "pie-direct", "dyninfo-table"] {
        for what in ["system_calls", "private_kib", "share_kib"] {
            assert!(count(start, abi, what) > Some(0), "{abi}: {what}");
        }
    }
    let csv = read(&sandbox, "c");
    let head = csv.lines().next().unwrap();
    for column in [jump_slot, "plt_bytes", "system_calls", "share_kib"] {
        assert!(head.contains(column), "{head}");
    }
    assert!(text.contains("R_X86_64_JUMP_SLOT") && text.contains("own memory, KiB"));
    let html = read(&sandbox, "h");
    assert_well_formed(&html);
    assert_alone(&html);
    assert!(html.contains("own memory, KiB"));

    // What the processor counts is there if it counts anything, and else it is said why not.
    let counters = report["setting"]["counters"].as_str().unwrap();
    let counted = functions["series"][0]["extra"]["instructions"].is_array();
    assert_eq!(counters.starts_with("none: "), !counted, "{counters}");
    assert_eq!(head.contains("instructions a unit"), counted);
}

#[test]
fn data_are_copied_or_reached_by_the_got_or_by_words_of_memory() {
    let sandbox = Sandbox::new();
    let args = [
        "bench",
        "--abi",
        "call",
        "globals",
        "frame",
        "--rounds",
        "1",
        "--scale",
        "0.0001",
        "--only",
        "so-now,so-symbolic,pie-now,pie-table,fixed,flat,dyninfo,threads-now",
        "--json",
        "j",
    ];
    sandbox.wasmaot(&args).success();
    let report = json(&sandbox, "j");
    let call = task(&report, "call");
    for (abi, kind) in [
        ("pie-now", "R_X86_64_JUMP_SLOT"),
        ("flat-now", "R_X86_64_JUMP_SLOT"),
        ("threads-now", "R_X86_64_JUMP_SLOT"),
        ("pie-table", "FUNC32"),
        ("dyninfo-table", "dyninfo refun"),
    ] {
        let found = count(call, abi, &format!("relocation {kind}"));
        assert_eq!(found, Some(1), "{abi}");
    }
    let globals = task(&report, "globals");
    let of = |abi, kind: &str| {
        let found = count(globals, abi, &format!("relocation {kind}"));
        found.unwrap_or(0)
    };
    let copy = "R_X86_64_COPY";
    assert_eq!(of("fixed-now", copy), 8);
    assert_eq!(
        of("fixedgot-now", copy) + of("pie-now", copy) + of("so-symbolic", copy),
        0
    );
    // And stdout, to which the harness writes.
    assert_eq!(of("so-now", copy), 9);
    // Main's and the library's.
    assert_eq!(of("pie-now", "HOST_DATA"), 16);
    assert_eq!(of("fixed-now", "HOST_DATA"), 8);
    assert_eq!(of("dyninfo-table", "dyninfo ref"), 16);
    assert!(!names(globals).iter().any(|name| name.starts_with("flat")));
    // What an ABI has no form for is said.
    let frame = task(&report, "frame");
    assert!(names(frame).contains(&"flat-now") && !names(frame).contains(&"dyninfo-table"));
    let why = report["absent"]["frame by dyninfo-table"].as_str().unwrap();
    assert!(why.contains("stack pointer"), "{why}");
    sandbox.wasmaot(&["bench", "--abi", "nothing"]).error(
        2,
        &[
            "no kernel `nothing`",
            "call globals frame functions variables",
        ],
    );
}

/// A variable of which each thread has its own, by every model.
#[test]
fn thread_local_variables_are_reached_as_their_models_say() {
    let sandbox = Sandbox::new();
    let kernels = ["tls-plain", "tls-own", "tls-other", "tls-two"];
    let last = "--rounds 1 --scale 0.0001 --only so-tls,threads --json j";
    let args = ["bench", "--abi"].into_iter().chain(kernels);
    let args: Vec<&str> = args.chain(last.split(' ')).collect();
    let text = sandbox.wasmaot(&args).success();
    assert!(text.contains("thread-local variables"), "{text}");
    let report = json(&sandbox, "j");
    for name in kernels {
        let task = task(&report, name);
        assert_eq!(names(task).len(), 7, "{name}: {:?}", report["absent"]);
    }
    let own = task(&report, "tls-own");
    for (abi, kind, other) in [
        ("so-tls-ie", "TPOFF64", "DTPMOD64"),
        ("so-tls-gd", "DTPMOD64", "TPOFF64"),
        ("so-tls-desc", "TLSDESC", "DTPMOD64"),
    ] {
        let of = |kind| count(own, abi, &format!("relocation R_X86_64_{kind}"));
        assert_eq!((of(kind), of(other)), (Some(1), None), "{abi}");
    }
    // Ours are at a distance from a global, which is thread-local itself.
    for (name, offsets) in [
        ("tls-plain", None),
        ("tls-own", Some(1)),
        ("tls-other", Some(1)),
    ] {
        let task = task(&report, name);
        let of = |abi| count(task, abi, "relocation R_X86_64_TPOFF64");
        assert_eq!(
            [of("threads-now"), of("threads-direct")],
            [offsets; 2],
            "{name}"
        );
    }
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/abi-report")
}

/// The tables and figures of the report are what the command makes of its data.
#[test]
fn the_report_is_what_its_data_say() {
    let sandbox = Sandbox::new();
    let directory = sandbox.path("report");
    std::fs::create_dir_all(directory.join("data")).unwrap();
    let copy = |name: &Path| {
        std::fs::copy(committed().join(name), directory.join(name)).unwrap();
    };
    copy(Path::new("README.md"));
    for entry in committed().join("data").read_dir().unwrap() {
        copy(&Path::new("data").join(entry.unwrap().file_name()));
    }
    sandbox
        .wasmaot(&["bench", "--abi-report", "report"])
        .success();
    let same = |name: &Path| {
        let [made, kept] = [&directory, &committed()].map(|d| std::fs::read(d.join(name)).ok());
        assert!(
            made == kept,
            "{}: run wasmaot bench --abi-report docs/abi-report",
            name.display()
        );
    };
    same(Path::new("README.md"));
    let mut size = 0;
    for directory in [&directory, &committed()] {
        for entry in directory.join("figures").read_dir().unwrap() {
            let entry = entry.unwrap();
            size += entry.metadata().unwrap().len();
            same(&Path::new("figures").join(entry.file_name()));
        }
    }
    assert!(size > 0 && size < 400_000, "{size} bytes of figures, twice");

    // A second machine has columns of its own.
    let second = read(&sandbox, "report/README.md");
    let name = first_data();
    let text = std::fs::read_to_string(&name).unwrap();
    let other = text.replace("model 207", "model 999");
    std::fs::write(directory.join("data/zzz.json"), other).unwrap();
    sandbox
        .wasmaot(&["bench", "--abi-report", "report"])
        .success();
    let both = read(&sandbox, "report/README.md");
    assert!(
        !second.contains("model 999")
            && both.contains("<br>Intel(R) Xeon(R) Processor, family 6, model 999")
    );
    assert!(directory.join("figures/zzz-micro-1.svg").exists());
}

/// What the text says of the machine that has measured first.
#[test]
fn what_the_report_says_of_its_data_holds() {
    let text = std::fs::read_to_string(first_data()).unwrap();
    let report: Report = serde_json::from_str(&text).unwrap();
    let task = |name: &str| report.tasks.iter().find(|t| t.name == name).unwrap();
    let ratio = |name: &str, one: &str, other: &str| versus(task(name), one, other).unwrap();
    for (name, fast, slow) in [
        ("functions", "pie-noplt", "pie-now"),
        ("functions", "so-noplt", "so-now"),
        ("functions", "pie-direct", "pie-now"),
        ("functions", "pie-static", "pie-direct"),
        ("call", "pie-table", "pie-now"),
        ("variables", "fixed-now", "fixedgot-now"),
        ("variables", "so-symbolic", "so-now"),
        ("globals", "pie-now", "dyninfo-table"),
        ("variables", "pie-now", "dyninfo-table"),
        ("start", "pie-now", "pie-lazy"),
        ("16 bytes", "pointer", "copies"),
    ] {
        let found = ratio(name, fast, slow);
        let is_faster = found.is_difference() && found.value < 0.98;
        assert!(is_faster, "{name}, {fast} / {slow}: {found:?}");
    }
    for (name, one, other) in [
        ("functions", "fixed-now", "pie-now"),
        ("functions", "flat-now", "pie-now"),
        ("functions", "threads-now", "pie-now"),
        ("functions", "pie-lazy", "pie-now"),
        ("functions", "pie-now", "so-now"),
        ("globals", "fixed-now", "fixedgot-now"),
    ] {
        let found = ratio(name, one, other);
        let is_near = |by: f64| (1.0 - by..1.0 + by).contains(&found.value);
        let is_alike = is_near(0.02) || !found.is_difference() && is_near(0.05);
        assert!(is_alike, "{name}, {one} / {other}: {found:?}");
    }
    let count = |name: &str, abi: &str, what: &str| task(name).series(abi).unwrap().counts[what];
    let part = |name: &str, what: &str, one: &str, other: &str| {
        (100.0 * count(name, one, what) / count(name, other, what)).round()
    };
    assert_eq!(
        part("functions", "text_bytes", "pie-noplt", "pie-now"),
        110.0
    );
    assert!(part("functions", "text_bytes", "so-noplt", "so-now") < 100.0);
    assert!((345.0..360.0).contains(&part("functions", "text_bytes", "pie-table", "pie-now")));
    assert_eq!(count("functions", "pie-direct", "text_pages"), 2.0);
    assert_eq!(
        part("variables", "text_bytes", "fixed-now", "fixedgot-now"),
        77.0
    );
    assert_eq!(
        part("variables", "got_bytes", "fixed-now", "fixedgot-now"),
        50.0
    );
    let more =
        |abi| count("frame", abi, "instructions") - count("frame", "pie-now", "instructions");
    assert_eq!(more("threads-now"), 1.0);
    assert!(part("start", "private_kib", "pie-lazy", "pie-now") > 100.0);
}

fn first_data() -> PathBuf {
    let entries = committed().join("data").read_dir().unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.min().expect("data of a machine")
}
