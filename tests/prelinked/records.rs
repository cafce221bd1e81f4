//! Damaged records of sets: refused, or not followed.

use super::bodies::small;
use super::*;

/// A member of a set with another record, its hashes fitting.
fn with_record(
    modules: &[(&str, String)],
    number: usize,
    change: impl Fn(&mut Prelink),
) -> Result<Arc<Object>, Error> {
    let mut bytes = built(modules).swap_remove(number);
    let name = modules[number].0;
    // SAFETY: the compiler's own bytes.
    let object = unsafe { Object::from_bytes(name, &bytes, true) }.unwrap();
    let mut record = object.prelink().unwrap().clone();
    let old = record.encode();
    change(&mut record);
    let at = bytes.windows(old.len()).position(|w| w == old).unwrap();
    let new = record.encode();
    let len = new.len().min(old.len());
    bytes[at..at + len].copy_from_slice(&new[..len]);
    let owner = b"wasmaot\0";
    let note = bytes.windows(owner.len()).position(|w| w == owner).unwrap() + owner.len();
    Note::seal(&mut bytes, note);
    // SAFETY: the code is the compiler's; nothing of the record is believed.
    unsafe { Object::from_bytes(name, &bytes, false) }.map(Arc::new)
}

/// A way to damage a record.
type Damage = (&'static str, fn(&mut Prelink));

#[test]
fn damaged_records_are_refused_when_opened() {
    let cases: &[Damage] = &[
        ("another object", |r| r.number = 3),
        ("another object", |r| r.members[1].offset += 1),
        ("another object", |r| r.members[1].offset = 0x8000_0000),
        ("another object", |r| {
            let to = SetAddress {
                member: 3,
                address: 0,
            };
            r.calls[0].to = Some(to);
        }),
        ("cannot be read", |r| r.calls.truncate(1)),
        ("cannot be read", |r| r.members.truncate(1)),
        ("cannot be read", |r| r.members[0].name.push('x')),
        ("cannot be read", |r| r.bodies.truncate(1)),
        ("another object", |r| r.bodies[0].code = 0),
        ("another object", |r| r.bodies[0].uninlined = 0xffff_fffe),
        ("another object", |r| r.bodies[0].needs[0] = 99),
        ("another object", |r| r.bodies.swap(0, 1)),
    ];
    for (number, (reason, damage)) in cases.iter().enumerate() {
        let error = with_record(&small(), 0, damage)
            .map(|_| number)
            .unwrap_err()
            .to_string();
        assert!(error.contains(reason), "{number}: {error}");
    }
}

#[test]
fn records_that_do_not_fit_the_code_are_refused_or_not_followed() {
    let objects = set(&modules());
    let damaged: &[Damage] = &[
        // To another function; into the middle of one.
        ("table of calls", |r| r.calls[0].to = r.calls[1].to),
        ("table of calls", |r| {
            let to = r.calls[0].to.as_mut().unwrap();
            to.address += 1;
        }),
        ("table of calls", |r| r.calls[0].to = None),
        // The images on top of each other; too far for a process.
        ("table of calls", |r| r.members[1].offset = 0),
        ("table of calls", |r| r.members[1].offset = 0x7fff_f000),
    ];
    for (number, (reason, damage)) in damaged.iter().enumerate() {
        let mut objects = objects.clone();
        objects[0] = with_record(&modules(), 0, damage).unwrap();
        match load(&objects, &[], program::config()) {
            Err(error) => assert!(error.to_string().contains(reason), "{number}: {error}"),
            Ok(mut program) => run(&mut program),
        }
    }
    // Entries that are none matter where calls are to be led back to them.
    let mut objects = objects;
    objects[0] = with_record(&modules(), 0, |r| r.calls[0].plt += 16).unwrap();
    let mut program = load(&objects, &[], program::config()).unwrap();
    run(&mut program);
    let error = load(&objects, &[], config(Bind::Now)).err().unwrap();
    assert!(error.to_string().contains("entry 0 of the PLT"), "{error}");
    // A library that is said to be another is not the one prelinked with.
    objects[0] = with_record(&modules(), 0, |r| r.members[1].build_id[0] ^= 1).unwrap();
    let mut program = load(&objects, &[], program::config()).unwrap();
    run(&mut program);
    assert_eq!(lead(&program, "main"), ["plt"; 3]);
}
