//! Scalars, definitions and values, sound and unsound.

use super::definitions::{MAX_FIELDS, MAX_NAME};
use super::*;

fn written(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    fill(&mut writer);
    writer.bytes
}

#[test]
fn unsigned_numbers() {
    for (value, bytes) in [
        (0_u64, &[0][..]),
        (127, &[0x7f]),
        (128, &[0xff, 0x80]),
        (258, &[0xfe, 1, 2]),
        (u64::MAX, &[0xf8, 255, 255, 255, 255, 255, 255, 255, 255]),
    ] {
        assert_eq!(written(|w| w.uint(value)), bytes);
        assert_eq!(Reader::new(bytes).uint(), Ok(value));
    }
}

#[test]
fn signed_numbers() {
    for (value, bytes) in [
        (0_i64, &[0][..]),
        (2, &[4]),
        (-1, &[1]),
        (64, &[0xff, 0x80]),
        (-65, &[0xff, 0x81]),
    ] {
        assert_eq!(written(|w| w.int(value)), bytes);
        assert_eq!(Reader::new(bytes).int(), Ok(value));
    }
    for value in [i64::MIN, i64::MAX] {
        assert_eq!(Reader::new(&written(|w| w.int(value))).int(), Ok(value));
    }
}

#[test]
fn malformed_scalars() {
    assert_eq!(Reader::new(&[]).uint(), Err(TRUNCATED));
    assert_eq!(Reader::new(&[0xfe, 1]).uint(), Err(TRUNCATED));
    assert!(
        Reader::new(&[0xf7, 0, 0, 0, 0, 0, 0, 0, 0, 0]).uint().is_err(),
        "nine bytes"
    );
    assert!(Reader::new(&[0x80]).uint().is_err(), "128 bytes");
    assert!(Reader::new(&[2]).bool().is_err());
    assert_eq!(Reader::new(&[5, b'a']).bytes(), Err(TRUNCATED));
    assert_eq!(Reader::new(&[1, 0xff]).string().as_deref(), Ok("\u{fffd}"));
}

#[test]
fn definitions_are_checked() {
    let define = |message: Vec<u8>| {
        let mut stream = Stream::default();
        stream.feed(&message);
        stream.value(|_, _, _| Ok(()))
    };
    assert_eq!(define(Writer::struct_definition(64, "A", &[("X", id::INT)])), Ok(None));
    assert!(
        define(Writer::struct_definition(63, "A", &[])).is_err(),
        "a reserved id"
    );
    let many: Vec<(&str, i64)> = vec![("", 1); MAX_FIELDS + 1];
    assert!(define(Writer::struct_definition(64, "A", &many)).is_err());
    assert!(define(Writer::struct_definition(64, "A", &[(&"x".repeat(MAX_NAME + 1), 1)])).is_err());
    let twice = [
        Writer::struct_definition(64, "A", &[]),
        Writer::struct_definition(64, "A", &[]),
    ]
    .concat();
    assert!(define(twice).is_err());
    assert!(define((64..400).flat_map(|id| Writer::slice_definition(id, "", 6)).collect()).is_err());
    assert!(
        define(Writer::message(-64, |w| w.uint(0))).is_err(),
        "an empty definition"
    );
}

#[test]
fn values_of_any_type_are_skipped() {
    let mut stream = Stream::default();
    stream.feed(&Writer::slice_definition(70, "[]T", 71));
    stream.feed(&Writer::struct_definition(
        71,
        "T",
        &[("A", id::COMPLEX), ("B", id::INTERFACE)],
    ));
    let kind = |id: i64, number: usize, parts: &[(usize, i64)]| {
        Writer::message(-id, |w| {
            w.nested(|w| {
                w.field(number);
                w.nested(|w| parts.iter().for_each(|(field, value)| w.int_field(*field, *value)));
            });
        })
    };
    stream.feed(&kind(72, 3, &[(1, id::STRING), (2, 70)]));
    stream.feed(&kind(73, 4, &[]));
    stream.feed(&kind(74, 0, &[(1, id::FLOAT), (2, 2)]));
    stream.feed(&Writer::struct_definition(
        75,
        "Top",
        &[("M", 72), ("O", 73), ("F", 74), ("Last", id::UINT)],
    ));
    stream.feed(&Writer::message(75, |w| {
        w.nested(|w| {
            w.field(0);
            w.uint(1);
            w.string(b"key");
            w.uint(1);
            w.nested(|w| {
                w.field(0);
                w.uint(1);
                w.uint(2);
                w.field(1);
                w.string(b"main.T");
                w.int(70);
                w.string(&[0, 1]);
            });
            w.string_field(1, b"opaque");
            w.field(2);
            w.uint(2);
            w.uint(500);
            w.uint(600);
            w.uint_field(3, 42);
        });
    }));
    let mut last = 0;
    let read = stream.value(|types, id, reader| {
        types.read_struct(id, reader, &["Last"], |reader, name, _| {
            let ours = name == "Last";
            if ours {
                last = reader.uint()?;
            }
            Ok(ours)
        })
    });
    assert_eq!((read, last), (Ok(Some(())), 42));
}

#[test]
fn endless_nesting_is_refused() {
    let mut stream = Stream::default();
    stream.feed(&Writer::struct_definition(64, "T", &[("Next", 64)]));
    stream.feed(&Writer::message(64, |w| {
        (0..100_000).for_each(|_| w.uint(1));
        (0..=100_000).for_each(|_| w.uint(0));
    }));
    let read = stream.value(|types, id, reader| types.read_struct(id, reader, &[], |_, _, _| Ok(false)));
    assert_eq!(read, Err(WireError::Malformed("values are nested too deeply")));
}

#[test]
fn a_broken_stream_stays_broken_and_keeps_nothing() {
    let mut stream = Stream::default();
    stream.feed(&[0xf8, 255, 255, 255, 255, 255, 255, 255, 255]);
    let long = stream.value(|_, _, _| Ok(()));
    assert_eq!(
        long,
        Err(WireError::TooLong {
            length: u64::MAX,
            limit: MAX_MESSAGE
        })
    );
    stream.feed(&[0; 1000]);
    assert_eq!(stream.value(|_, _, _| Ok(())), Err(WireError::Broken));
    assert_eq!(stream.buffer.capacity(), 0);
}
