//! What does not need a connection: JSON as section 2 has it, byte strings and headers.

use weir::{kill, object, patch, respond, Headers, Value};

fn written(value: &Value) -> String {
    let mut text = String::new();
    value.write(&mut text);
    text
}

fn parsed(text: &str) -> Value {
    Value::parse(text.as_bytes()).unwrap_or_else(|why| panic!("{text}: {why}"))
}

/// The published lines, those aside that are JSON and no message.
#[test]
fn lines_are_accepted_and_rejected_as_published() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../Protocol/vectors/lines.json");
    let vectors = Value::parse(&std::fs::read(path).unwrap()).unwrap();
    let mut count = 0;
    for vector in vectors.list() {
        let line = vector.get("line").bytes().or_else(|| object! {"b64" => vector.get("line_b64").text()}.bytes()).unwrap();
        let is_good = vector.get("verdict").text() == "accept" || vector.get("kind").text() == "invalid_request";
        let read = Value::parse(&line);
        assert_eq!(read.is_ok(), is_good, "{}: {read:?}", vector.get("name").text());
        if let Ok(value) = read {
            assert_eq!(parsed(&written(&value)), value, "{}", vector.get("name").text());
        }
        count += 1;
    }
    assert!(count > 80);
}

#[test]
fn values_come_back_as_they_were() {
    for text in [
        "{\"b\":1,\"a\":[null,true,false,{}],\"\":[]}", "9007199254740991", "-9007199254740992", "1.5", "1763700000.25", "1e300", "-2.5e-7", "\"\"",
        "\"\\u0000\\u001f\\u2028\\u2029\\u0085\\\"\\\\\"", "\"größer 😀 \u{ffff}\"",
    ] {
        assert_eq!(written(&parsed(text)), text);
    }
    assert_eq!(parsed(" [ 1 , 2 ]\r\n"), vec![1, 2].into());
    assert_eq!(written(&Value::Number(f64::NAN)), "null");
    assert_eq!(parsed("\"\\ud83d\\ude00\\/\\b\""), "😀/\u{8}".into());
}

#[test]
fn every_beginning_of_a_line_is_an_error_and_never_a_panic() {
    let text = "{\"a\":[1,-2.5e+3,true,null,\"\\ud83d\\ude00\\n\\u00fc\",{}],\"größer\":{\"b\":[]}}";
    for end in 0..text.len() {
        assert!(Value::parse(&text.as_bytes()[..end]).is_err(), "{end}");
    }
    for at in 0..text.len() {
        for byte in [0, b'"', b'\\', b'{', b'}', b',', b'9', 0xff] {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = byte;
            let _ = Value::parse(&changed);
        }
    }
}

#[test]
fn members_are_told_apart_where_there_are_many() {
    let many: Vec<String> = (0..1000).map(|number| format!("\"m{number}\":{number}")).collect();
    assert_eq!(parsed(&format!("{{{}}}", many.join(","))).get("m999").int(), 999);
    assert!(Value::parse(format!("{{{},\"m500\":1}}", many.join(",")).as_bytes()).is_err());
}

#[test]
fn byte_strings_are_texts_or_base64() {
    for size in 0..70_usize {
        let data: Vec<u8> = (0..size).map(|index| 255 - index as u8).collect();
        assert_eq!(Value::from_bytes(&data).bytes(), Some(data));
    }
    assert_eq!(written(&Value::from_bytes(&[0xff, 0])), "{\"b64\":\"/wA=\"}");
    assert_eq!(Value::from_bytes("größer".as_bytes()), "größer".into());
    assert_eq!(object! {"b64" => ""}.bytes(), Some(vec![]));
    for bad in ["A", "A===", "AB=C", "ä===", "AAAA="] {
        assert_eq!(object! {"b64" => bad}.bytes(), None, "{bad}");
    }
    assert_eq!(Value::Null.bytes(), None);
}

#[test]
fn headers_keep_order_case_and_repetition() {
    let mut headers = Headers::from(&parsed("[[\"Set-Cookie\",\"a\"],[\"X\",{\"b64\":\"/w==\"}],[\"set-cookie\",\"b\"],[\"bad\"]]"));
    assert_eq!(headers.all("SET-COOKIE"), [b"a", b"b"]);
    assert_eq!((headers.get("x"), headers.get("none")), (Some(&[0xff][..]), None));
    headers.set("SET-cookie", "c");
    headers.set("new", "1");
    headers.add("X", "2");
    assert_eq!(written(&headers.clone().into()), "[[\"Set-Cookie\",\"c\"],[\"X\",{\"b64\":\"/w==\"}],[\"new\",\"1\"],[\"X\",\"2\"]]");
    headers.remove("x");
    assert_eq!(headers.0.len(), 2);
}

#[test]
fn results_have_the_form_of_the_protocol() {
    assert_eq!(written(&patch("flow.request.path", "/")), "{\"flow\":{\"request\":{\"path\":\"/\"}}}");
    assert_eq!(written(&kill()), "{\"kill\":true}");
    let response = respond(204, Headers::default(), b"");
    assert_eq!(written(&response), "{\"flow\":{\"response\":{\"status_code\":204,\"headers\":[],\"content\":\"\"}}}");
    assert_eq!(response.get("flow.response.status_code").number(), 204.0);
    assert!(response.get("flow.none.at.all").is_null());
}
