//! The codecs against byte strings that Go's own implementation has written, and against nonsense.

use super::gob::{Writer, id};
use super::*;

/// First write of a client of Juju 2.9 or 3.
const V1: &str = "2e7f030101075265717565737401ff80000102010d536572766963654d6574686f64010c00010353657101060000000fff80010a4a756a75632e4d61696e0066ff81030101075265717565737401ff820001070109436f6e746578744964010c000103446972010c00010b436f6d6d616e644e616d65010c0001044172677301ff84000108537464696e5365740102000105537464696e010a000105546f6b656e010c00000016ff83020101085b5d737472696e6701ff8400010c000044ff8201126170702f302d696e7374616c6c2d30306666010d2f7661722f6c69622f6a756a75010a636f6e6669672d67657401020d2d2d666f726d61743d6a736f6e017800";
/// The same from a client of Juju 4.
const V2: &str = "2e7f030101075265717565737401ff80000102010d536572766963654d6574686f64010c00010353657101060000000fff80010a4a756a75632e4d61696e005cff81030101075265717565737401ff820001060109436f6e746578744964010c000103446972010c00010b436f6d6d616e644e616d65010c0001044172677301ff84000108537464696e5365740102000105537464696e010a00000016ff83020101085b5d737472696e6701ff8400010c000044ff8201126170702f302d696e7374616c6c2d30306666010d2f7661722f6c69622f6a756a75010a636f6e6669672d67657401020d2d2d666f726d61743d6a736f6e017800";
/// A server's first reply: `True`.
const V3: &str = "397f03010108526573706f6e736501ff80000103010d536572766963654d6574686f64010c00010353657101060001054572726f72010c0000000fff80010a4a756a75632e4d61696e0039ff810301010c45786563526573706f6e736501ff820001030104436f646501040001065374646f7574010a000106537464657272010a0000000aff820205547275650a00";
/// The last message of the first client write in the stdin dance; the definitions are V1's.
const V4_CLIENT_1: &str = "3fff8201126170702f302d696e7374616c6c2d30306666010d2f7661722f6c69622f6a756a75010c72656c6174696f6e2d7365740102062d2d66696c65012d00";
const V4_SERVER_1: &str = "397f03010108526573706f6e736501ff80000103010d536572766963654d6574686f64010c00010353657101060001054572726f72010c00000038ff80010a4a756a75632e4d61696e0227686f6f6b20746f6f6c20726571756972657320737464696e2c206e6f6e6520737570706c696564000aff81030102ff8200000003ff8200";
const V4_CLIENT_2: &str = "11ff80010a4a756a75632e4d61696e01010048ff8201126170702f302d696e7374616c6c2d30306666010d2f7661722f6c69622f6a756a75010c72656c6174696f6e2d7365740102062d2d66696c65012d01010105613a20620a00";
const V4_SERVER_2: &str = "11ff80010a4a756a75632e4d61696e01010039ff830301010c45786563526573706f6e736501ff840001030104436f646501040001065374646f7574010a000106537464657272010a00000003ff8400";
/// The last message of a reply with code 2.
const V5_VALUE: &str =
    "32ff820104022b4552524f52206f7074696f6e2070726f766964656420627574206e6f7420646566696e65643a202d2d780a00";
/// An RPC error as the first reply.
const V6: &str = "397f03010108526573706f6e736501ff80000103010d536572766963654d6574686f64010c00010353657101060001054572726f72010c00000033ff80010a4a756a75632e4d61696e022262616420726571756573743a20756e6b6e6f776e20636f6d6d616e643a206e6f7065000aff81030102ff8200000003ff8200";

fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.len().is_multiple_of(2), "whole bytes");
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
        .collect()
}

fn request(command: &str, args: &[&str]) -> Request {
    Request {
        context_id: "app/0-install-00ff".into(),
        dir: "/var/lib/juju".into(),
        command_name: command.into(),
        args: args.iter().map(ToString::to_string).collect(),
        ..Request::default()
    }
}

fn config_get() -> Request {
    request("config-get", &["--format=json", "x"])
}

fn call(seq: u64, request: Request) -> Option<Call> {
    Some(Call {
        seq,
        method: METHOD.into(),
        request,
    })
}

fn reply(seq: u64, result: Result<ExecResponse, &str>) -> Option<Reply> {
    Some(Reply {
        seq,
        result: result.map_err(str::to_owned),
    })
}

fn response(code: i64, stdout: &str, stderr: &str) -> ExecResponse {
    ExecResponse {
        code,
        stdout: stdout.into(),
        stderr: stderr.into(),
    }
}

/// V4's first client write in full.
fn v4_client_1() -> Vec<u8> {
    let v1 = bytes(V1);
    let value = v1.len() - 0x45;
    [&v1[..value], &bytes(V4_CLIENT_1)[..]].concat()
}

/// A reply as V3 with V5's value.
fn v5() -> Vec<u8> {
    let v3 = bytes(V3);
    let value = v3.len() - 0x0b;
    [&v3[..value], &bytes(V5_VALUE)[..]].concat()
}

#[test]
fn vectors_have_the_stated_lengths() {
    let lengths = [V1, V2, V3, V4_SERVER_1, V4_CLIENT_2, V4_SERVER_2, V6].map(|hex| bytes(hex).len());
    assert_eq!(lengths, [258, 248, 143, 130, 91, 80, 125]);
    assert_eq!(v4_client_1().len(), 253);
}

#[test]
fn v1_request_with_token() {
    assert_eq!(ClientCodec::new().encode(&config_get()), bytes(V1));
    let mut server = ServerCodec::new();
    server.feed(&bytes(V1));
    assert_eq!(server.next(), Ok(call(0, config_get())));
    assert_eq!(server.next(), Ok(None));
}

#[test]
fn v2_request_without_token() {
    let with_unsent_token = Request {
        token: "t".into(),
        ..config_get()
    };
    assert_eq!(ClientCodec::without_token().encode(&with_unsent_token), bytes(V2));
    let mut server = ServerCodec::new();
    server.feed(&bytes(V2));
    assert_eq!(server.next(), Ok(call(0, config_get())));
}

#[test]
fn v3_reply() {
    let answer = response(0, "True\n", "");
    assert_eq!(ServerCodec::new().encode_reply(0, &Ok(answer.clone())), bytes(V3));
    let mut client = ClientCodec::new();
    client.feed(&bytes(V3));
    assert_eq!(client.next(), Ok(reply(0, Ok(answer))));
    assert_eq!(client.next(), Ok(None));
}

#[test]
fn v4_stdin_dance() {
    let (mut client, mut server) = (ClientCodec::new(), ServerCodec::new());
    let first = request("relation-set", &["--file", "-"]);
    let second = Request {
        stdin: Some(b"a: b\n".to_vec()),
        ..first.clone()
    };

    assert_eq!(client.encode(&first), v4_client_1());
    server.feed(&v4_client_1());
    assert_eq!(server.next(), Ok(call(0, first)));
    assert_eq!(server.encode_reply(0, &Err(STDIN_REQUIRED.into())), bytes(V4_SERVER_1));
    client.feed(&bytes(V4_SERVER_1));
    assert_eq!(client.next(), Ok(reply(0, Err(STDIN_REQUIRED))));

    assert_eq!(client.encode(&second), bytes(V4_CLIENT_2));
    server.feed(&bytes(V4_CLIENT_2));
    assert_eq!(server.next(), Ok(call(1, second)));
    assert_eq!(server.encode_reply(1, &Ok(ExecResponse::default())), bytes(V4_SERVER_2));
    client.feed(&bytes(V4_SERVER_2));
    assert_eq!(client.next(), Ok(reply(1, Ok(ExecResponse::default()))));
}

#[test]
fn v5_tool_failure() {
    let answer = response(2, "", "ERROR option provided but not defined: --x\n");
    assert_eq!(ServerCodec::new().encode_reply(0, &Ok(answer.clone())), v5());
    let mut client = ClientCodec::new();
    client.feed(&v5());
    assert_eq!(client.next(), Ok(reply(0, Ok(answer))));
}

#[test]
fn v6_rpc_error() {
    let text = "bad request: unknown command: nope";
    assert_eq!(ServerCodec::new().encode_reply(0, &Err(text.into())), bytes(V6));
    let mut client = ClientCodec::new();
    client.feed(&bytes(V6));
    assert_eq!(client.next(), Ok(reply(0, Err(text))));
}

#[test]
fn negative_codes_and_empty_input_survive() {
    let (mut client, mut server) = (ClientCodec::new(), ServerCodec::new());
    let asked = Request {
        stdin: Some(Vec::new()),
        token: "secret".into(),
        args: Vec::new(),
        ..config_get()
    };
    server.feed(&client.encode(&asked));
    assert_eq!(
        server.next(),
        Ok(call(0, asked)),
        "empty standard input differs from none"
    );
    for (seq, code) in [(0, -1), (1, i64::MAX), (2, i64::MIN)] {
        let answer = response(code, "", "x");
        client.feed(&server.encode_reply(seq, &Ok(answer.clone())));
        assert_eq!(client.next(), Ok(reply(seq, Ok(answer))));
    }
}

#[test]
fn many_calls_on_one_connection_define_types_once() {
    let (mut client, mut server) = (ClientCodec::new(), ServerCodec::new());
    let first = client.encode(&config_get()).len();
    assert_eq!(client.encode(&config_get()).len(), first - 47 - 103 - 23 + 2);
    let mut client = ClientCodec::new();
    for seq in 0..300 {
        server.feed(&client.encode(&config_get()));
        assert_eq!(server.next(), Ok(call(seq, config_get())));
        let result = if seq % 2 == 0 {
            Ok(response(0, "x", ""))
        } else {
            Err("no".to_owned())
        };
        client.feed(&server.encode_reply(seq, &result));
        assert_eq!(client.next(), Ok(Some(Reply { seq, result })));
    }
}

#[test]
fn any_cut_of_the_stream_gives_the_same() {
    let stream = [v4_client_1(), bytes(V4_CLIENT_2)].concat();
    for cut in 0..=stream.len() {
        let mut server = ServerCodec::new();
        let mut seen = Vec::new();
        for part in [&stream[..cut], &stream[cut..]] {
            server.feed(part);
            while let Some(call) = server.next().expect("a sound stream") {
                seen.push(call.seq);
            }
        }
        assert_eq!(seen, [0, 1], "cut at {cut}");
    }
    let mut client = ClientCodec::new();
    let mut seen = Vec::new();
    for byte in [bytes(V4_SERVER_1), bytes(V4_SERVER_2)].concat() {
        client.feed(&[byte]);
        seen.extend(client.next().expect("a sound stream"));
    }
    assert_eq!(seen.len(), 2);
}

/// A request as a client of another time might send it: other ids, another order, more fields.
fn foreign_request(last_field: (&str, i64), fill_last: impl Fn(&mut Writer)) -> Vec<u8> {
    let header = [("Trace", 902), ("Seq", id::UINT), ("ServiceMethod", id::STRING)];
    let body = [
        ("Extra", 901),
        ("CommandName", id::STRING),
        ("More", 902),
        ("Args", 900),
        last_field,
    ];
    [
        Writer::slice_definition(900, "", id::STRING),
        Writer::slice_definition(901, "", 900),
        Writer::struct_definition(902, "Inner", &[("A", id::FLOAT), ("B", 901)]),
        Writer::struct_definition(800, "Header", &header),
        Writer::struct_definition(700, "Body", &body),
        Writer::message(800, |writer| {
            writer.nested(|writer| {
                writer.field(0);
                writer.nested(|writer| writer.uint_field(0, 12_345));
                writer.uint_field(1, 7);
                writer.string_field(2, METHOD.as_bytes());
            });
        }),
        Writer::message(700, |writer| {
            writer.nested(|writer| {
                writer.field(0);
                writer.uint(1);
                writer.uint(2);
                writer.string(b"x");
                writer.string(b"");
                writer.string_field(1, b"is-leader");
                writer.field(3);
                writer.uint(1);
                writer.string(b"-o");
                fill_last(writer);
            });
        }),
    ]
    .concat()
}

#[test]
fn unknown_fields_are_skipped_and_ids_do_not_matter() {
    let stream = foreign_request(("Later", id::COMPLEX), |writer| {
        writer.field(4);
        writer.uint(1);
        writer.uint(2);
    });
    let mut server = ServerCodec::new();
    server.feed(&stream);
    let expected = Request {
        command_name: "is-leader".into(),
        args: vec!["-o".into()],
        ..Request::default()
    };
    assert_eq!(server.next(), Ok(call(7, expected)));
}

#[test]
fn fields_of_another_type_are_refused() {
    let mut server = ServerCodec::new();
    server.feed(&foreign_request(("Dir", id::INT), |writer| writer.int_field(4, 5)));
    assert_eq!(server.next(), Err(WireError::FieldType("Dir")));
    assert_eq!(server.next(), Err(WireError::Broken));
}

#[test]
fn structs_without_a_common_field_are_refused() {
    let mut server = ServerCodec::new();
    server.feed(&Writer::struct_definition(64, "Other", &[("Foo", id::INT)]));
    server.feed(&Writer::message(64, |writer| {
        writer.nested(|writer| writer.int_field(0, 1))
    }));
    assert!(matches!(server.next(), Err(WireError::Malformed(_))));
}

#[test]
fn the_body_of_another_method_is_not_looked_at() {
    let header = [("ServiceMethod", id::STRING)];
    let mut server = ServerCodec::new();
    server.feed(&Writer::struct_definition(64, "Request", &header));
    server.feed(&Writer::message(64, |writer| {
        writer.nested(|writer| writer.string_field(0, b"Jujuc.Foo"))
    }));
    server.feed(&Writer::struct_definition(65, "Args", &[("Foo", id::INT)]));
    server.feed(&Writer::message(65, |writer| {
        writer.nested(|writer| writer.int_field(0, 1))
    }));
    let expected = Call {
        seq: 0,
        method: "Jujuc.Foo".into(),
        request: Request::default(),
    };
    assert_eq!(server.next(), Ok(Some(expected)));
    assert_eq!(unknown_method("Jujuc.Foo"), "rpc: can't find method Jujuc.Foo");
    assert_eq!(unknown_method("Other.Foo"), "rpc: can't find service Other.Foo");
    assert_eq!(unknown_method("Foo"), "rpc: service/method request ill-formed: Foo");
}

#[test]
fn an_empty_error_text_is_still_an_error() {
    let mut client = ClientCodec::new();
    client.feed(&ServerCodec::new().encode_reply(0, &Err(String::new())));
    assert_eq!(client.next(), Ok(reply(0, Err("unknown error"))));
}

#[test]
fn counts_are_bounded_by_bytes_and_by_limits() {
    let with_args = |count: u64, present: usize| {
        Writer::message(65, |writer| {
            writer.nested(|writer| {
                writer.field(3);
                writer.uint(count);
                (0..present).for_each(|_| writer.uint(0));
            });
        })
    };
    let v1 = bytes(V1);
    let definitions = &v1[..v1.len() - 0x45];
    for (count, present) in [(1 << 62, 10), (1000, 10), (300_000, 300_000)] {
        let mut server = ServerCodec::new();
        server.feed(definitions);
        server.feed(&with_args(count, present));
        assert!(server.next().is_err(), "{count} arguments, {present} present");
    }
    let mut server = ServerCodec::new();
    server.feed(definitions);
    server.feed(&with_args(200_000, 200_000));
    let args = server.next().map(|call| call.map(|call| call.request.args.len()));
    assert_eq!(args, Ok(Some(200_000)));
}

#[test]
fn the_largest_message_is_bounded() {
    let mut server = ServerCodec::new();
    server.feed(&[0xfc, 0x04, 0x00, 0x00, 0x01]);
    assert_eq!(
        server.next(),
        Err(WireError::TooLong {
            length: MAX_MESSAGE as u64 + 1,
            limit: MAX_MESSAGE
        })
    );
    let mut server = ServerCodec::new();
    server.feed(&[0xfc, 0x04, 0x00, 0x00, 0x00]);
    assert_eq!(server.next(), Ok(None), "just at the limit");
}

/// A small generator, so that failures repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Feeds a stream to both codecs until they have no more to say. Panics and endless loops are what is looked for.
fn survive(stream: &[u8]) {
    let (mut client, mut server) = (ClientCodec::new(), ServerCodec::new());
    client.feed(stream);
    server.feed(stream);
    while let Ok(Some(_)) = client.next() {}
    while let Ok(Some(_)) = server.next() {}
}

#[test]
fn random_bytes_do_not_panic() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..20_000 {
        let length = random.below(200);
        let stream: Vec<u8> = (0..length).map(|_| random.next().to_be_bytes()[0]).collect();
        survive(&stream);
    }
}

#[test]
fn damaged_streams_do_not_panic() {
    let mut random = Random(42);
    let sound = [
        [v4_client_1(), bytes(V4_CLIENT_2)].concat(),
        [bytes(V4_SERVER_1), bytes(V4_SERVER_2)].concat(),
        bytes(V3),
        foreign_request(("Later", id::STRING), |writer| writer.string_field(4, b"x")),
    ];
    for stream in &sound {
        (0..stream.len()).for_each(|end| survive(&stream[..end]));
        for _ in 0..10_000 {
            let mut damaged = stream.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(damaged.len());
                match random.below(3) {
                    0 => damaged[at] = random.next().to_be_bytes()[0],
                    1 => drop(damaged.remove(at)),
                    _ => damaged.insert(at, random.next().to_be_bytes()[0]),
                }
            }
            survive(&damaged);
        }
    }
}
